import ApplianceModel
import MachineBackend
import Testing

@testable import LibvirtBackend

@Suite("What libvirt says")
struct LibvirtTextTests {
    @Test(
        "Each state is one that the user can do something with",
        arguments: [
            ("running (booted)", "running"), ("in shutdown (unknown)", "running"), ("shut off (destroyed)", "off"), ("paused (I/O error)", "paused"),
            ("paused (user)", "paused"), ("crashed (panicked)", "paused"), ("pmsuspended (unknown)", "paused"),
        ])
    func states(text: String, word: String) { #expect(LibvirtBackend.powerState(text, name: "orders").word == word) }

    @Test("Of two leases of a card the newer one counts")
    func leases() {
        let text = """
             2026-11-25 18:40:12   52:54:00:aa:bb:cc   ipv4       192.168.122.57/24    orders     01:52:54:00:aa:bb:cc
             2026-11-25 18:59:01   52:54:00:aa:bb:cc   ipv4       192.168.122.99/24    orders     ff:00
             2026-11-25 19:40:12   52:54:00:aa:bb:cc   ipv6       fd00::7/64           orders     ff:00
            """
        #expect(Lease.newest(in: text) == IPv4Address(192, 168, 122, 99))
        #expect(Lease.newest(in: "\n") == nil)
    }
}
