internal import ApplianceModel
internal import Basics
internal import MachineBackend
internal import Probes
internal import Reports
internal import SecureShell

/// The cost of a request on its way through guest, virtio and platform when no storage answers it.
enum VirtualizationTaxCheck {
    private static let check = "disk.virtualization-tax"
    private static let serial = "pgkvm-null"
    private static let expected = "guest and platform count the same writes"

    static let group = CheckGroup(name: .disk, check: "disk.virtualization-tax", runs: { $0.depth != .quick }) { run, measurements in
        try await DiskLoad.alone(run, check: check, expected: expected) {
            guard let lending = run.target.backend.capabilities.diskLending else {
                throw NotMeasured(reason: "this platform cannot lend the guest a disk", remedy: "there is none; disk.write-latency holds it all")
            }
            guard try await run.target.shell.run("command -v fio", input: [], timeout: .seconds(30)).status == 0 else {
                throw NotMeasured(reason: "fio is not installed in the guest", remedy: "apt-get install fio in the guest")
            }
            let (rounds, counted) = try await measure(run, lending)
            let distribution = LatencyHistogram.distribution(rounds)
            measurements.latencies.append(
                LatencyComparison(
                    check: check, work: "4 KiB write with O_DIRECT to a disk without storage, one at a time", host: nil, guest: distribution, ratio: nil,
                    rounds: rounds.count, inconclusive: nil))
            for (percent, name) in [(50.0, "p50"), (99.0, "p99")] {
                guard let value = distribution.nanoseconds(at: percent) else { continue }
                measurements.metrics.append(Metric("\(check).\(name)", value, .nanoseconds, better: .lower))
            }
            return [finding(distribution, counted: counted, accelerator: run.target.accelerator)]
        }
    }

    private static func measure(_ run: VerificationRun, _ lending: any DiskLending) async throws -> ([LatencyHistogram], counted: Int) {
        let target = run.target
        run.progress("disk: virtualization tax: plugging in a disk without storage")
        return try await LentDisk.with([(serial, .zero)], backend: target.backend, machine: target.machine, shell: target.shell) { disks in
            let before = try await lending.diskCounters(of: target.machine, serial: serial)
            var rounds: [LatencyHistogram] = []
            let count = run.options.rounds(standard: 4, full: 10)
            let progress = RoundProgress("disk: virtualization tax", rounds: count)
            for round in 1...count {
                try Task.checkCancellation()
                run.progress(progress.text(round: round))
                for disk in disks { rounds.append(try await disk.writes(milliseconds: 500)) }
            }
            let after = try await lending.diskCounters(of: target.machine, serial: serial)
            run.progress("disk: virtualization tax: taking the disk away")
            return (rounds, after.writes.subtractingSaturated(before.writes))
        }
    }

    /// The rules, separate from the measuring. Nothing else writes to the disk: the counts are equal, or one of them is wrong.
    static func finding(_ distribution: LatencyDistribution, counted: Int, accelerator: Accelerator) -> Finding {
        let emulated = accelerator == .tcg ? " (emulated)" : ""
        let figures = "\(distribution.percentilesText)\(emulated)"
        guard counted == distribution.count else {
            return Finding(
                check: check, level: .fail, measured: "fio counts \(distribution.count) writes in the guest, the platform \(counted); \(figures)",
                expected: expected, remedy: "the figures cannot be believed: verify again, and report it if it stays")
        }
        // This much is typical of emulation; hardware takes a tenth of it.
        if accelerator == .kvm, let median = distribution.nanoseconds(at: 50), median > 200_000 {
            return Finding(
                check: check, level: .warn, measured: figures, expected: "\(expected); under KVM a median below 200 µs",
                remedy: "requests cost as much as under emulation: a busy host, or KVM inside a virtual machine")
        }
        return Finding(check: check, level: .pass, measured: figures, expected: expected)
    }
}
