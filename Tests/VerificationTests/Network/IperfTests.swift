import ApplianceModel
import HostSystem
import SystemPackage
import Testing

@testable import Probes
@testable import Verification

@Suite("What iperf3 reports")
struct IperfReportTests {
    private static let directory = FilePath(#filePath).removingLastComponent().removingLastComponent().removingLastComponent().appending("Recorded")

    static func recorded(_ name: String) throws -> [UInt8] { try Files.read(directory.appending(name)) }

    @Test("Reports of a guest's iperf3 over slirp give what arrived", arguments: [("iperf3-to-host.json", false), ("iperf3-to-guest.json", true)])
    func whole(name: String, reverse: Bool) throws {
        let report = try IperfReport(Self.recorded(name), reverse: reverse, duration: 2)
        #expect(report.bytesPerSecond > 1e6)
        #expect(report.seconds > 1.9 && report.seconds < 3)
    }

    @Test("A report that is cut off anywhere is refused")
    func truncated() throws {
        let bytes = try Self.recorded("iperf3-to-host.json")
        let end = try #require(bytes.lastIndex(of: UInt8(ascii: "}")))
        for count in Array(stride(from: 0, to: end, by: 97)) + [end] {
            #expect(throws: IperfReport.Damage.self) { try IperfReport(Array(bytes[..<count]), reverse: false, duration: 2) }
        }
    }

    @Test("A report of another direction or duration is refused")
    func another() throws {
        let bytes = try Self.recorded("iperf3-to-host.json")
        #expect(throws: IperfReport.Damage.self) { try IperfReport(bytes, reverse: true, duration: 2) }
        #expect(throws: IperfReport.Damage.self) { try IperfReport(bytes, reverse: false, duration: 3) }
        #expect(throws: IperfReport.Damage.self) { try IperfReport(try Self.recorded("iperf3-to-guest.json"), reverse: false, duration: 2) }
    }

    @Test("A refused connection is told in iperf3's own words")
    func refused() {
        let text = """
            {
            	"start":	{
            		"connected":	[],
            		"version":	"iperf 3.12",
            		"system_info":	"Linux vm 6.18.44 #1 SMP PREEMPT_DYNAMIC x86_64"
            	},
            	"intervals":	[],
            	"end":	{
            	},
            	"error":	"unable to connect to server: Connection refused"
            }
            """
        #expect(throws: IperfReport.Damage(description: "iperf3: unable to connect to server: Connection refused")) {
            try IperfReport(Array(text.utf8), reverse: false, duration: 2)
        }
    }

    @Test(
        "Figures beyond any network are refused",
        arguments: [("0", "1e300", "0"), ("2", "1e300", "1"), ("1e300", "1e300", "8"), ("2", "-1e300", "0"), ("-1", "1e19", "1e300")])
    func beyondAnyNetwork(seconds: String, bytes: String, bits: String) {
        #expect(throws: IperfReport.Damage.self) { try IperfReport(Self.made(seconds: seconds, bytes: bytes, bits: bits), reverse: false, duration: 2) }
    }

    @Test("A rate beyond any network is shown", arguments: [1e300, 1e18, 0, -1e300, .nan, .infinity])
    func rates(bytesPerSecond: Double) { #expect(ThroughputChecks.rate(bytesPerSecond).hasSuffix("bit/s")) }

    private static func made(seconds: String = "2", bytes: String = "250000000", bits: String = "1000000000", end: String? = nil) -> [UInt8] {
        let sum = "{\"seconds\": \(seconds), \"bytes\": \(bytes), \"bits_per_second\": \(bits)}"
        return Array(
            "{\"start\": {\"test_start\": {\"protocol\": \"TCP\", \"reverse\": 0, \"duration\": 2}}, \"end\": \(end ?? "{\"sum_received\": \(sum)}")}".utf8)
    }

    @Test("A sum that contradicts itself, is empty or far too short is refused")
    func damaged() throws {
        #expect(try IperfReport(Self.made(), reverse: false, duration: 2).bytesPerSecond == 125_000_000)
        for bytes in [
            Self.made(bits: "9000000000"), Self.made(bytes: "0", bits: "0"), Self.made(seconds: "0.4", bits: "5000000000"), Self.made(seconds: "0"),
            Self.made(seconds: "null"), Self.made(bytes: "-5"), Self.made(seconds: "900"), Self.made(end: "{}"), Self.made(end: "7"),
        ] {
            #expect(throws: IperfReport.Damage.self) { try IperfReport(bytes, reverse: false, duration: 2) }
        }
    }

    @Test("A rate is never rounded up to one that was not reached")
    func rates() {
        #expect(ThroughputChecks.rate(10e9 / 8) == "10.0 Gbit/s")
        #expect(ThroughputChecks.rate(9.999e9 / 8) == "9.9 Gbit/s")
        #expect(ThroughputChecks.rate(999.9e6 / 8) == "999 Mbit/s")
        #expect(ThroughputChecks.rate(1500 / 8) == "1 kbit/s")
    }

    @Test("A finding names both directions and the path, and a missing direction is a failure")
    func finding() {
        let finding = ThroughputChecks.finding([.toGuest: 5e7, .toHost: 1e8], .slirp)
        #expect(finding.level == .pass)
        #expect(finding.measured == "over slirp: 400 Mbit/s to the guest, 800 Mbit/s to the host (TCP, one connection, 2 s each)")
        #expect(ThroughputChecks.finding([.toGuest: 5e7], .slirp).level == .fail)
    }

    @Test("The server listens before the client comes, and takes one test", .enabled(if: ProgramRunner.lookUp("iperf3") != nil, "needs iperf3"))
    func server() async throws {
        let report = try await IperfServer.with(address: IPv4Address(127, 0, 0, 1)) { port in
            let result = try await ProgramRunner.run("iperf3", ["--client", "127.0.0.1", "--port", "\(port)", "--time", "1", "--json"])
            return try IperfReport(result.standardOutput, reverse: false, duration: 1)
        }
        #expect(report.bytesPerSecond > 0)
    }

    @Test("Nothing listens on after a client that failed", .enabled(if: ProgramRunner.lookUp("iperf3") != nil, "needs iperf3"))
    func failedClient() async throws {
        struct Failed: Error { let port: UInt16 }
        let failed = await #expect(throws: Failed.self) { try await IperfServer.with(address: IPv4Address(127, 0, 0, 1)) { throw Failed(port: $0) } }
        let port = try #require(failed).port
        let isFree = try await poll(every: .milliseconds(600), until: .now.advanced(by: .seconds(60)), on: ContinuousClock()) {
            Sockets.isPortFree(port) ? true : nil
        }
        #expect(isFree == true)
    }

    @Test("A listening socket is found in the kernel's table, others are not")
    func listening() {
        let table = """
              sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
               0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1 0 100 0 0 10 0
               1: 0100007F:1F91 0100007F:1F90 01 00000000:00000000 00:00000000 00000000     0        0 1 1 0 100 0 0 10 0
               2: 00000000:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1 0 100 0 0 10 0
            """
        #expect(IperfServer.isListening(IPv4Address(127, 0, 0, 1), 8080, table))
        #expect(!IperfServer.isListening(IPv4Address(127, 0, 0, 1), 8081, table))
        #expect(!IperfServer.isListening(IPv4Address(127, 0, 0, 1), 22, table))
        #expect(!IperfServer.isListening(IPv4Address(127, 0, 0, 1), 8080, ""))
    }
}
