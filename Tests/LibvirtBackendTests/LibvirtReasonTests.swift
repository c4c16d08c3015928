import Testing

@testable import LibvirtBackend

@Suite("What libvirt's words mean")
struct LibvirtReasonTests {
    @Test(
        "Recorded words have their reason",
        arguments: [
            ("failed to connect to the hypervisor: Failed to connect socket to '/run/libvirt/libvirt-sock': No such file or directory", LibvirtReason.noDaemon),
            ("Disconnected from qemu:///system due to end of file: failed to get domain 'orders'", .connectionLost),
            ("internal error: client socket is closed: no valid connection", .connectionLost),
            ("Requested operation is not valid: storage pool 'a' containing volume 'b' is not active", .poolInactive("a")),
            ("pool 'a' is not active", .poolInactive("a")),
            ("failed to get pool 'a': Storage pool not found: no storage pool with matching name 'a'", .poolMissing("a")),
            ("Domain not found: no domain with matching uuid '9'", .notFound),
            ("failed to get vol 'a': Storage volume not found: no storage vol with matching path 'a'", .notFound),
            ("Network not found: no network with matching name 'lab'", .notFound),
            ("Requested operation is not valid: network 'default' is not active", .networkInactive),
            ("Cannot access storage file '/srv/pool/x.raw': No such file or directory", .storageFileMissing),
            ("Cannot get interface MTU on 'br9' (bridge): No such device", .bridge),
            ("cannot allocate 10737418240 bytes in file '/srv/pool/x.raw': No space left on device", .full),
        ])
    func recorded(words: String, reason: LibvirtReason) { #expect(LibvirtReason(words) == reason) }

    @Test("Other words have none", arguments: ["", "access denied: 'domain' denied access", "failed to get domain 'orders'", "operation failed"])
    func none(words: String) { #expect(LibvirtReason(words) == nil) }
}
