import ApplianceModel
import Basics
import MachineBackend
import Testing

@testable import Probes
@testable import Verification

@Suite("Durability, asked")
struct DurabilityChecksTests {
    private static func node(_ name: String, direct: Bool = true, drops: Bool = false, decided: Bool? = true) -> DiskNode {
        DiskNode(name: name, driver: "raw", isDirect: direct, dropsFlushes: drops, isWritable: true, decidedDirect: decided)
    }

    private static let good = [
        node("data"), node("data-file"), node("system"), node("system-file"), node("firmware-variables", direct: false, decided: nil),
    ]

    @Test("Honest nodes pass, bypassing the page cache or not, as decided")
    func honest() {
        #expect(DurabilityChecks.judge(Self.good).level == .pass)
        let cached = Self.good.map { Self.node($0.name, direct: false, decided: $0.decidedDirect.map { _ in false }) }
        #expect(DurabilityChecks.judge(cached).level == .pass)
        #expect(DurabilityChecks.judge(cached).measured.contains("cache.direct off"))
    }

    @Test("A node that drops flushes is named, whichever it is", arguments: good.indices)
    func drops(index: Int) {
        var nodes = Self.good
        nodes[index] = Self.node(nodes[index].name, drops: true, decided: nodes[index].decidedDirect.map { _ in true })
        let finding = DurabilityChecks.judge(nodes)
        #expect(finding.level == .fail)
        #expect(finding.measured == "\(nodes[index].name) (raw) drops flushes")
        #expect(finding.remedy != nil)
    }

    @Test("A node that uses the page cache otherwise than decided is named")
    func strayed() {
        #expect(DurabilityChecks.judge([Self.node("data", direct: false)]).measured == "data (raw) uses the host's page cache")
        #expect(DurabilityChecks.judge([Self.node("data", direct: true, decided: false)]).measured == "data (raw) bypasses the host's page cache")
    }

    @Test("No nodes are no pass")
    func none() {
        #expect(DurabilityChecks.judge([]).level == .fail)
        #expect(DurabilityChecks.judge([Self.node("other", decided: nil)]).level == .fail)
    }

    struct Caches: Sendable {
        let text: String
        let level: Finding.Level
    }

    @Test(
        "A disk whose cache the guest takes for write-through gets no flush",
        arguments: [
            Caches(text: "vda:write back;vdb:write back;", level: .pass), Caches(text: "vdb:write back;", level: .pass),
            Caches(text: "vda:write back;vdb:write through;", level: .fail), Caches(text: "vda:write through;vdb:write back;", level: .fail),
            Caches(text: "vda:write back;", level: .fail), Caches(text: "", level: .fail), Caches(text: "vdb:;", level: .fail),
            Caches(text: "vdb", level: .fail), Caches(text: "vda:write back;vdb:wr", level: .fail),
        ])
    func writeCaches(caches: Caches) {
        let finding = DurabilityChecks.judge(writeCaches: GuestReport("data_disk=/dev/vdb\nwrite_caches=\(caches.text)"))
        #expect(finding.level == caches.level)
        #expect((finding.remedy == nil) == (caches.level == .pass))
    }
}

@Suite("Durability, counted")
struct FlushConservationTests {
    private func rounds(_ counted: [Int], host: HostFlushCount.Outcome? = nil) -> FlushConservation.Rounds {
        FlushConservation.Rounds(writes: 200, counted: counted, host: host)
    }

    @Test("An exact round, or one with a flush more, ends the count and passes", arguments: [200, 201])
    func exact(counted: Int) {
        #expect(!rounds([counted]).wantsMore)
        #expect(rounds([counted]).finding.level == .pass)
        #expect(rounds([counted]).finding.measured == "200 durable writes in the guest, \(counted) flushes at the platform")
    }

    @Test("A busy database's flushes are noise: the quietest round counts, and an honest disk is not accused")
    func busy() {
        #expect(rounds([900, 450]).wantsMore)
        let finding = rounds([900, 450, 620, 1_500, 700]).finding
        #expect(finding.level == .pass)
        #expect(finding.measured.contains("250 more of other writers in the quietest of 5 rounds"))
    }

    @Test("Counts that no disk has are judged, and end nothing", arguments: [[Int.min], [Int.max, -1], [Int.max]])
    func beyondAnyDisk(counted: [Int]) {
        #expect(rounds(counted).finding.level == (counted.contains { $0 < 200 } ? .fail : .pass))
        #expect(rounds(counted, host: .counted(.min, how: "x")).hostFinding.level == .fail)
    }

    @Test("One round that lacks a flush is a failure, also among noisy ones, and ends the count", arguments: [[199], [0], [900, 199], [700, 900, 0]])
    func lost(counted: [Int]) {
        #expect(!rounds(counted).wantsMore)
        #expect(rounds(counted).finding.level == .fail)
        #expect(rounds(counted).finding.measured == "\(counted.min() ?? -1) of 200 flushes reached the platform")
        #expect(rounds(counted).finding.remedy != nil)
    }

    @Test("No round is no pass")
    func none() {
        #expect(rounds([]).wantsMore)
        #expect(rounds([]).finding.level == .fail)
        #expect(rounds([200]).hostFinding.level == .fail)
    }

    @Test(
        "The host has to make the file durable as often as the guest asked",
        arguments: [(400, .pass), (431, .pass), (399, .fail), (0, .fail)] as [(Int, Finding.Level)])
    func host(count: Int, level: Finding.Level) {
        let finding = rounds([700, 200], host: .counted(count, how: "ext4:ext4_sync_file_enter")).hostFinding
        #expect(finding.level == level)
        #expect(finding.measured.contains("400 durable writes in the guest, \(count) flushes of the disk's file"))
    }

    @Test("Where the host cannot be counted the finding says what is left")
    func uncounted() {
        let finding = rounds([200], host: .impossible(NotMeasured(reason: "no perf", remedy: "install it"))).hostFinding
        #expect(finding.level == .skip)
        #expect(finding.measured == "requests conserved, durability by configuration only: no perf")
        #expect(finding.remedy == "install it")
    }
}

@Suite("The host's own count")
struct HostFlushCountTests {
    private let event = "ext4:ext4_sync_file_enter"

    /// As perf 6.1 printed them.
    @Test("perf's table is read; an event that was not counted, or a table that broke off, is no count")
    func output() {
        #expect(HostFlushCount.outcome("200,,ext4:ext4_sync_file_enter,627168056,100.00,,\n", status: 0, event: event) == .counted(200, how: event))
        #expect(HostFlushCount.outcome("0,,ext4:ext4_sync_file_enter,627168056,100.00,,\n", status: 0, event: event) == .counted(0, how: event))
        for (text, status) in [
            ("<not counted>,,ext4:ext4_sync_file_enter,0,100.00,,\n", 0), ("<not supported>,,ext4:ext4_sync_file_enter,0,100.00,,\n", 0), ("", 0),
            ("200,,ext4:e", 0),
            ("200,,ext4:ext4_sync_file_enter,627168056,100.00,,\n", 129), ("event syntax error: 'ext4:ext4_sync_file_enter'\n", 129),
            ("unshare: unshare failed: Operation not permitted\n", 1),
        ] as [(String, Int32)] {
            guard case .impossible(let reason) = HostFlushCount.outcome(text, status: status, event: event) else {
                Issue.record("counted: \(text)")
                continue
            }
            #expect(reason.reason.contains(event))
        }
    }

    @Test("The filter names the file by the kernel's own device number")
    func filter() {
        // 254:0, as stat(2) gives it.
        #expect(HostFlushCount.filter(device: 65_024, inode: 1_057_606) == "dev == \(254 << 20) && ino == 1057606")
        // 8:17, and 259:300, whose minor number is split in two.
        #expect(HostFlushCount.filter(device: 0x811, inode: 2) == "dev == \(8 << 20 | 17) && ino == 2")
        #expect(HostFlushCount.filter(device: 0x11032c, inode: 2) == "dev == \(0x103 << 20 | 0x12c) && ino == 2")
    }
}
