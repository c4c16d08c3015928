import Testing

@testable import ProxmoxBackend

@Suite("What the server's words mean")
struct ServerReasonTests {
    /// Answers of a real Proxmox VE.
    static let recorded: [(ServerReason, String)] = [
        (.machineGone, "Configuration file 'nodes/pve1/qemu-server/999.conf' does not exist"),
        (.numberTaken, "unable to create VM 100 - VM 100 already exists on node 'pve1'"),
        (.numberTaken, "unable to create VM 100: config file already exists"),
        (.alreadyRunning, "VM 100 already running"),
        (.running, "VM 100 is running - destroy failed"),
        (.locked, "VM is locked (backup)"),
        (.alreadyManaged, "create resource failed: resource ID 'vm:100' already defined"),
        (.hotplug, "hotplug problem - error on hot-unplugging device 'virtioscsi1' - still busy in guest?"),
        (.stillBusy, "hotplug problem - error on hot-unplugging device 'virtioscsi1' - still busy in guest?"),
        (.noGuestAgent, "No QEMU guest agent configured"),
        (.unknownNode, "hostname lookup 'nope' failed - failed to get address info for: nope: Temporary failure in name resolution"),
    ]

    @Test("Each reason is read from a recorded answer", arguments: recorded.indices)
    func given(index: Int) {
        let (reason, words) = Self.recorded[index]
        #expect(reason.isGiven(in: words))
    }

    @Test("Each answer gives only the reasons recorded for it", arguments: recorded.indices)
    func others(index: Int) {
        let words = Self.recorded[index].1
        let known = Self.recorded.filter { $0.1 == words }.map(\.0)
        for reason in ServerReason.allCases where !known.contains(reason) { #expect(!reason.isGiven(in: words), "\(reason)") }
    }

    @Test("Every reason has a recorded answer")
    func complete() { #expect(Set(Self.recorded.map(\.0)) == Set(ServerReason.allCases)) }

    @Test(
        "Other refusals give none",
        arguments: [
            "", "storage 'nostore' does not exist", "bridge 'vmbr7' does not exist", "pool 'x' does not exist", "disk 'scsi1' does not exist",
            "unable to parse value", "volume 'local:100/vm-100-disk-0.raw' already exists",
        ])
    func none(words: String) {
        for reason in ServerReason.allCases { #expect(!reason.isGiven(in: words), "\(reason)") }
    }
}
