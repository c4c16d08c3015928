import ApplianceModel
import Basics
import Glibc
import HostSystem
import SystemPackage
import Testing

@Suite("What a process uses")
struct ProcessUsageTests {
    @Test("Times come from schedstat, and ticks from stat although the name holds blanks and brackets")
    func parsing() throws {
        let times = try #require(ThreadUsage.times(inSchedstat: "123456789 98765 42\n"))
        #expect(times.busy == 123_456_789)
        #expect(times.waiting == 98_765)
        #expect(ThreadUsage.times(inSchedstat: "1 2") == nil)
        #expect(ThreadUsage.times(inSchedstat: "a b c") == nil)
        #expect(ThreadUsage.ticks(inStat: "7 (CPU 0) x) R 1 2 3 4 5 6 7 8 9 10 300 45 0 0 20 0 1 0 9") == 345)
        #expect(ThreadUsage.ticks(inStat: "7 (x) R 1 2") == nil)
        #expect(ProcessUsage.resident(inStatm: "100 20 3 4 5 6 7\n") == 20)
        #expect(ProcessUsage.resident(inStatm: "") == 0)
    }

    @Test("A process is seen with its threads, what they have used and what is in memory; one that is gone is not")
    func real() throws {
        let first = try ProcessUsage.read(getpid())
        #expect(first.resident > .mebibytes(1))
        let own = try #require(first.threads.first { $0.id == getpid() })
        #expect(!own.name.isEmpty)
        #expect(first.threads.map(\.busy).reduce(0, +) > 0)
        let second = try ProcessUsage.read(getpid())
        for thread in second.threads {
            guard let before = first.threads.first(where: { $0.id == thread.id }) else { continue }
            #expect(thread.busy >= before.busy)
        }
        let error = #expect(throws: Failure.self) { try ProcessUsage.read(Int32.max) }
        #expect(error?.code == .fileUnreadable)
    }

    @Test("Pressure is the share of the last ten seconds; a kernel without it says nothing")
    func pressure() throws {
        #expect(Pressure.someAverage("some avg10=98.01 avg60=90.31 avg300=40.86 total=259386209\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=0\n") == 98.01)
        #expect(Pressure.someAverage("") == nil)
        #expect(Pressure.ofHost(directory: "/nowhere") == Pressure(cpu: nil, memory: nil, io: nil))
        #expect(Pressure.of(group: ControlGroup(path: "/nowhere", root: "/nowhere")) == nil)
    }
}

@Suite("What connections have carried")
struct PortTrafficTests {
    private let recorded = """
        0      0               127.0.0.1:15432          127.0.0.1:40112 cubic wscale:7,7 rto:204 rtt:0.09/0.1 bytes_sent:2000 bytes_acked:1990 bytes_received:512 segs_out:5 send 1Gbps
        0      0               127.0.0.1:10022          127.0.0.1:40113 cubic wscale:7,7 rto:204
        0      0      [::ffff:127.0.0.1]:15432  [::ffff:127.0.0.1]:40114 cubic bytes_sent:7 bytes_received:9

        """

    @Test("All ports are asked about at once, and each connection is read with what it carried in both directions")
    func parsing() {
        #expect(PortTraffic.arguments([15432, 10022]) == ["-HtinO", "state", "established", "( sport = :15432 or sport = :10022 )"])
        let traffic = PortTraffic.parse(recorded)
        #expect(traffic.connections.count == 3)
        #expect(traffic.connections[.init(port: 15432, ends: "127.0.0.1:15432 127.0.0.1:40112")] == .init(received: 512, sent: 1990))
        #expect(traffic.connections[.init(port: 10022, ends: "127.0.0.1:10022 127.0.0.1:40113")] == .init())
        #expect(PortTraffic.parse("nonsense\n").connections.isEmpty)
    }

    @Test("Between two looks a new connection counts whole, an old one by what came on top, and one between the same ends anew")
    func difference() {
        let old = PortTraffic.Connection(port: 1, ends: "old"), again = PortTraffic.Connection(port: 1, ends: "again")
        let gone = PortTraffic.Connection(port: 1, ends: "gone"), fresh = PortTraffic.Connection(port: 1, ends: "new")
        let other = PortTraffic.Connection(port: 2, ends: "other")
        let before = PortTraffic(connections: [
            old: .init(received: 10, sent: 100), again: .init(received: 50, sent: 500), gone: .init(received: 9, sent: 9),
        ])
        let after = PortTraffic(connections: [
            old: .init(received: 15, sent: 170), again: .init(received: 1, sent: 2), fresh: .init(received: 1000, sent: 2000),
            other: .init(received: 7, sent: 7),
        ])
        #expect(after.since(before, ports: [1]) == .init(received: 1006, sent: 2072))
        #expect(after.since(before, ports: []) == .init())
    }

    @Test("The kernel tells of a real connection what it has carried", .enabled("ss is installed") { ProgramRunner.lookUp("ss") != nil })
    func real() async throws {
        try await LoopbackPort.with { port, send in
            let before = try #require(try await PortTraffic.read(ports: [port]))
            try send([UInt8](repeating: 1, count: 10_000))
            // The bytes are acknowledged a moment later.
            while true {
                let now = try #require(try await PortTraffic.read(ports: [port]))
                if now.since(before, ports: [port]).received >= 10_000 { return }
                try await Task.sleep(for: .milliseconds(20))
            }
        }
        #expect(try await PortTraffic.read(ports: [])?.connections.isEmpty == true)
    }
}

/// A port of this host that somebody listens on, with one connection to it.
private enum LoopbackPort {
    static func with(_ body: (UInt16, ([UInt8]) throws -> Void) async throws -> Void) async throws {
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(listener) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr = in_addr(s_addr: UInt32(0x7f00_0001).bigEndian)
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        func withAddress(_ call: (UnsafeMutablePointer<sockaddr>) -> Int32) -> Int32 {
            withUnsafeMutablePointer(to: &address) { $0.withMemoryRebound(to: sockaddr.self, capacity: 1, call) }
        }
        #expect(withAddress { bind(listener, $0, length) } == 0)
        #expect(withAddress { getsockname(listener, $0, &length) } == 0)
        #expect(listen(listener, 1) == 0)
        let client = try await Sockets.connect(to: Endpoint(host: "127.0.0.1", port: UInt16(bigEndian: address.sin_port)), timeout: .seconds(10))
        defer { try? client.close() }
        let server = accept(listener, nil, nil)
        defer { close(server) }
        try await body(UInt16(bigEndian: address.sin_port)) { _ = try client.writeAll($0) }
    }
}
