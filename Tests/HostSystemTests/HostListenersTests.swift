import ApplianceModel
import SystemPackage
import Testing

@testable import HostSystem

@Suite("Who listens on this host, and where its packets go")
struct HostListenersTests {
    @Test("The kernel's tables give listeners, and nothing that is damaged, connected or of IPv6 only")
    func parse() {
        let table = """
              sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
               0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1 0 100 0 0 10 0
               1: 00000000:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 2 1 0 100 0 0 10 0
               2: 0100007F:1F90 0100007F:9999 01 00000000:00000000 00:00000000 00000000     0        0 3 1 0 100 0 0 10 0
               3: 0A01A8C0:1538 00000000:0000 0A
               4: 0100007F 00000000:0000 0A 00000000:00000000
               5: ZZ00007F:1F90 00000000:0000 0A 00000000:00000000
               6: 0100007F:1F90F 00000000:0000 0A 00000000:00000000
               7: 00000000000000000000000000000000:0050 00000000000000000000000000000000:0000 0A 00000000:00000000
               8: 00000000000000000000000001000000:0051 00000000000000000000000000000000:0000 0A 00000000:00000000
               9: 0000000000000000FFFF00000100007F:0052 00000000000000000000000000000000:0000 0A 00000000:00000000
              10:
            """
        #expect(
            HostListener.parse(table).map { "\($0.address):\($0.port)" } == ["127.0.0.1:8080", "0.0.0.0:22", "192.168.1.10:5432", "0.0.0.0:80", "127.0.0.1:82"])
    }

    @Test("A socket that this program listens on is among them while it is open")
    func own() async throws {
        let (socket, port) = try Sockets.listen()
        let listener = HostListener(address: IPv4Address(127, 0, 0, 1), port: port)
        #expect(try HostListener.all().contains(listener))
        #expect(!Sockets.isPortFree(port))
        try socket.close()
        // A program that another test starts at this moment may hold it open until it runs.
        let isGone = try await poll(every: .milliseconds(50), until: .now + .seconds(600), on: ContinuousClock()) {
            try HostListener.all().contains(listener) ? nil : true
        }
        #expect(isGone == true)
    }

    @Test("No address of this host leads elsewhere, nor does what is sent to many")
    func routes() {
        let own = HostRoutes.ownAddresses()
        #expect(own.allSatisfy { $0.value >> 24 != 127 })
        for address in own.union([IPv4Address(127, 0, 0, 1), IPv4Address(127, 9, 9, 9), IPv4Address(0, 0, 0, 0), IPv4Address(224, 0, 0, 1)]) {
            #expect(!HostRoutes.leadElsewhere(address), "\(address)")
        }
    }
}
