import ApplianceModel
import Basics
import Foundation
import HostSystem
import MachineBackend
import Terminal
import TestSupport
import Testing
import Verification

@testable import Deployment

@Suite("What appliances use, between two looks and on a screen")
struct UsageReportTests {
    private typealias Machine = UsageSample.Machine

    private static let start = ContinuousClock.now

    private func machine(
        _ name: String, state: PowerState = .running, id: Int32? = 4711, busy: [(String, UInt64, UInt64?)] = [], written: Int64 = 0, flushes: Int64 = 0
    ) -> UsageSample.Machine {
        let threads = busy.enumerated().map { ThreadUsage(id: Int32($0.offset), name: $0.element.0, busy: $0.element.1, waiting: $0.element.2) }
        let disk = DiskUsage(disk: .data, readBytes: 0, writtenBytes: written, reads: 0, writes: 10, flushes: flushes)
        return UsageSample.Machine(
            name: name, state: state, vcpus: 2, memory: .gibibytes(4), ports: [5433], processID: id,
            process: id.map { _ in ProcessUsage(threads: threads, resident: .mebibytes(1536)) }, nice: id.map { _ in 0 }, pressure: nil,
            disks: id == nil ? [] : [disk])
    }

    private func sample(_ seconds: Double, _ machines: [UsageSample.Machine], received: UInt64 = 0) -> UsageSample {
        let connection = PortTraffic.Connection(port: 5433, ends: "a b")
        return UsageSample(
            time: Self.start + .milliseconds(Int64(saturating: seconds * 1000)), machines: machines,
            traffic: PortTraffic(connections: [connection: .init(received: received, sent: received * 2)]),
            host: Pressure(cpu: 12.3, memory: 0, io: 1.5), hostMemory: nil)
    }

    @Test("Counters that no disk and no processor has are shown, in the table and on the screen")
    func beyondAnyMachine() {
        let before = machine("db", busy: [("CPU 0/KVM", 0, .max)], written: .min, flushes: .max)
        let after = machine("db", busy: [("CPU 0/KVM", .max, .max)], written: .max, flushes: .min)
        let report = UsageReport(from: sample(0, [before]), to: sample(0.001, [after], received: .max / 2), processors: 8)
        let text = UsageText(report, style: .plain, showsThreads: true)
        #expect(text.plain.contains("CPU 0/KVM"))
        #expect(text.screen(columns: 80, rows: 24, foot: "").count > 3)
        #expect(UsageText.size(1e300).hasSuffix("P"))
        #expect(UsageText.percent(1e300) == "1000000000")
    }

    @Test("Threads are counted by what they are for, in per cent of one processor, and disks and connections by the second")
    func rates() throws {
        let before = machine("db", busy: [("pg-db", 0, 0), ("CPU 0/KVM", 0, 0), ("CPU 1/KVM", 0, 0), ("IO data-io", 0, 0), ("IO mon_iothread", 0, 0)])
        let after = machine(
            "db",
            busy: [
                ("pg-db", 20_000_000, 0), ("CPU 0/KVM", 1_800_000_000, 100_000_000), ("CPU 1/KVM", 200_000_000, 0), ("IO data-io", 500_000_000, 0),
                ("IO mon_iothread", 20_000_000, 0),
            ], written: 4096, flushes: 30)
        let report = UsageReport(from: sample(0, [before]), to: sample(2, [after], received: 1000), processors: 8)
        let rates = try #require(report.appliances.first?.rates)
        #expect(report.seconds == 2)
        #expect(rates.processorPercent == 100)
        #expect(rates.diskThreadPercent == 25)
        #expect(rates.otherPercent == 2)
        #expect(rates.waitingPercent == 5)
        #expect(rates.writtenBytesPerSecond == 2048)
        #expect(rates.flushesPerSecond == 15)
        #expect(rates.receivedBytesPerSecond == 500)
        #expect(rates.sentBytesPerSecond == 1000)
        #expect(rates.threads.map(\.busyPercent) == [1, 90, 10, 25, 1])
    }

    @Test("Another process, a new one and one that is off have no rates; a monitor that does not answer has none of its disks")
    func none() throws {
        let first = sample(0, [machine("other", id: 1), machine("silent"), machine("gone")])
        let second = sample(
            1,
            [
                machine("other", id: 2), machine("new"), machine("off", state: .off, id: nil),
                UsageSample.Machine(
                    name: "silent", state: .unresponsive, vcpus: 2, memory: .gibibytes(4), ports: [], processID: 4711,
                    process: ProcessUsage(threads: [], resident: .mebibytes(1)), nice: 0, pressure: nil, disks: []),
            ])
        let report = UsageReport(from: first, to: second, processors: 1)
        #expect(report.appliances.map(\.name) == ["new", "other", "silent", "off"])
        #expect(report.appliances.map { $0.rates == nil } == [true, true, false, true])
        #expect(report.appliances[2].rates?.writtenBytesPerSecond == nil)
        // Without ports of this host's, as on a bridge, traffic is unknown, and not none.
        #expect(report.appliances[2].rates?.receivedBytesPerSecond == nil)
        // The first screen is drawn from one look.
        #expect(UsageReport(from: first, to: first, processors: 1).appliances.allSatisfy { $0.rates == nil })
    }

    private func many(_ count: Int) -> UsageReport {
        let before = (0..<count).map { machine("an-appliance-with-a-long-name-\($0)", busy: [("CPU 0/TCG", 0, 0), ("worker", 0, nil)]) }
        let after = (0..<count).map { number in
            let busy: [(String, UInt64, UInt64?)] = [("CPU 0/TCG", 123_000_000 * UInt64(number), 0), ("worker", 0, nil)]
            return machine("an-appliance-with-a-long-name-\(number)", busy: busy, written: 5 << 40)
        }
        return UsageReport(from: sample(0, before), to: sample(1, after), processors: 64)
    }

    @Test("A screen holds no line that is wider and no more lines than it", arguments: [(80, 24), (80, 10), (40, 5), (200, 60), (20, 3), (5, 1)])
    func fits(columns: Int, rows: Int) {
        for count in [0, 1, 30] {
            for showsThreads in [false, true] {
                let text = UsageText(many(count), style: TextStyle(hasBlocks: true), showsThreads: showsThreads)
                let lines = text.screen(columns: columns, rows: rows, foot: "q quits")
                #expect(lines.count <= rows)
                #expect(lines.allSatisfy { $0.count <= columns }, "\(lines)")
                if (10...30).contains(rows), count == 30 { #expect(lines.contains { $0.hasPrefix("and ") && $0.contains("more lines") }) }
                #expect(!lines.joined().contains("\u{1b}"))
            }
        }
    }

    @Test("On 80 columns every figure is there, the busiest first, and a state that is not running stands for the process")
    func screen() throws {
        let before = [machine("quiet", busy: [("CPU 0/KVM", 0, 0)]), machine("busy", busy: [("CPU 0/KVM", 0, 0)])]
        let after = [
            machine("quiet", busy: [("CPU 0/KVM", 1_000_000, 0)]), machine("busy", busy: [("CPU 0/KVM", 1_000_000_000, 0)], written: 1_300_000),
            machine("sleeper", state: .off, id: nil), machine("stuck", state: .paused(reason: "full", remedy: "free"), id: 12),
        ]
        let report = UsageReport(from: sample(0, before), to: sample(1, after), processors: 2)
        let lines = UsageText(report, style: .plain).screen(columns: 80, rows: 24, foot: "q quits")
        #expect(lines[0] == "appliances: 3 of 4 run, using 100 % of 200 % processor")
        #expect(lines[1] == "host pressure (10 s): processor 12.3 %, memory 0.0 %, disk 1.5 %")
        #expect(lines[3].split(separator: " ") == ["NAME", "PID", "VCPU%", "IO%", "REST%", "WAIT%", "MEM", "READ", "WRITE", "FLUSH", "IN", "OUT"])
        #expect(lines[4].split(separator: " ") == ["busy", "4711", "100", "0.0", "0.0", "0.0", "1.5G", "0", "1.2M", "0", "0", "0"])
        #expect(lines[5].hasPrefix("quiet "))
        #expect(lines[6].split(separator: " ").prefix(3) == ["stuck", "paused", "-"])
        #expect(lines[7].split(separator: " ").prefix(3) == ["sleeper", "off", "-"])
        #expect(lines.last == "q quits")
        #expect(UsageText(report, style: TextStyle(hasColor: true)).plain.contains("\u{1b}[1mNAME"))
    }

    @Test("Figures are short at every size")
    func figures() {
        #expect([0, 812, 1023, 1024, 10_000, 1_048_576, 5e9, 9.99e15].map(UsageText.size) == ["0", "812", "1023", "1.0K", "9.8K", "1.0M", "4.7G", "8.9P"])
        #expect([0, 999, 1000, 12_345, 999_600].map(UsageText.count) == ["0", "999", "1.0K", "12K", "1.0M"])
        #expect([0, 0.04, 12.34, 99.96, 184.2].map(UsageText.percent) == ["0.0", "0.0", "12.3", "100", "184"])
        for size in stride(from: 1.0, to: 1e15, by: 7.3e11) { #expect(UsageText.size(size).count <= 5) }
    }

    @Test("The sampler sees every appliance of the state directory, or those that were named, also while they have no process")
    func sampler() async throws {
        try await Scratch.with { scratch in
            try await scratch.half("half")
            let made = try await scratch.withMachine("made")
            #expect(made.name.rawValue == "made")
            scratch.backend.set(.paused(reason: "full", remedy: "free"), of: "made")
            let all = try await UsageSampler([], in: scratch.environment).sample()
            #expect(all.machines.map(\.name) == ["half", "made"])
            #expect(all.machines.map(\.state.word) == ["absent", "paused"])
            #expect(all.machines[1].ports == [2222, 5433])
            #expect(all.machines[1].vcpus == 2)
            let one = try UsageSampler(["made"], in: scratch.environment)
            for _ in 0..<2 { #expect(try await one.sample().machines.map(\.name) == ["made"]) }
            let error = #expect(throws: Failure.self) { try UsageSampler(["nope"], in: scratch.environment) }
            #expect(error?.code == .applianceNotFound)
        }
    }
}
