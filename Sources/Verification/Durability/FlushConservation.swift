internal import ApplianceModel
internal import Basics
internal import MachineBackend
internal import Probes
internal import Reports
internal import SecureShell

/// Compares counts: durable writes in the guest, flushes at the platform, and flushes at the host's file system.
enum FlushConservation {
    static let group = CheckGroup(name: .durability, check: "durability.flushes", runs: { $0.depth != .quick }) { run, _ in
        try await DiskLoad.alone(run, check: "durability.flushes", expected: Rounds.expected) {
            guard let watching = run.target.backend.capabilities.diskWatching else {
                throw NotMeasured(reason: "this platform does not count flushes", remedy: "there is none: durability.write-cache is all that can be asked")
            }
            let rounds = try await measure(run, watching)
            return [rounds.finding, rounds.hostFinding]
        }
    }

    private static func measure(_ run: VerificationRun, _ watching: any DiskWatching) async throws -> Rounds {
        let target = run.target
        let writes = run.options.depth == .full ? 1_000 : 200
        return try await GuestProbeDirectory.with(target.shell) { guest in
            run.progress("durability: writing a file")
            try await guest.fill()
            return try await HostFlushCount.with(target) { _ in
                var rounds = Rounds(writes: writes)
                for round in 1...Rounds.most where rounds.wantsMore {
                    try Task.checkCancellation()
                    run.progress("durability: \(writes) durable writes, round \(round) of \(Rounds.most) at most")
                    // What the fill left in the guest's journal is flushed before counting begins.
                    try await target.shell.check("sudo -n sync \(GuestProbeDirectory.file)", timeout: .seconds(60))
                    let before = try await watching.diskCounters(of: target.machine, serial: MachineSpec.dataDiskSerial)
                    let output = try await guest.run(.durableWrites(GuestProbeDirectory.file, count: writes))
                    let after = try await watching.diskCounters(of: target.machine, serial: MachineSpec.dataDiskSerial)
                    guard try output.required(\.writes, "writes").count == writes else {
                        throw Failure(.probeUnreadable, "fio made another number of writes than the \(writes) it was asked for")
                    }
                    rounds.counted.append(after.flushes.subtractingSaturated(before.flushes))
                }
                return rounds
            } host: { rounds, host in
                rounds.host = host
            }
        }
    }

    /// The counts, and the rules by which they are judged.
    struct Rounds: Sendable {
        static let most = 5
        static let expected = "as many flushes as durable writes, or more where others write too"

        /// The writes of one round.
        let writes: Int
        /// The flushes at the platform, for each round.
        var counted: [Int] = []
        /// The flushes at the host's file system, for all rounds; nil if it was not asked.
        var host: HostFlushCount.Outcome?

        /// Rounds are repeated until one is exact, because a running database adds its own flushes. A round with too few flushes ends the check.
        var wantsMore: Bool { counted.allSatisfy { $0 > writes + 1 } }

        var finding: Finding {
            let least = counted.min() ?? 0
            guard !counted.isEmpty, least >= writes else {
                return Finding(
                    check: "durability.flushes", level: .fail, measured: "\(least) of \(writes) flushes reached the platform", expected: Self.expected,
                    remedy: "commits may be lost: see durability.write-cache, then stop and start the appliance")
            }
            let others = least - writes
            let noise = others <= 1 ? "" : "; \(others) more of other writers in the quietest of \(counted.count) rounds"
            return Finding(
                check: "durability.flushes", level: .pass, measured: "\(writes) durable writes in the guest, \(least) flushes at the platform\(noise)",
                expected: Self.expected)
        }

        var hostFinding: Finding {
            let expected = "as many flushes of the disk's file at the host's file system as durable writes in the guest"
            switch host {
            case .counted(let count, let how):
                let wanted = writes * counted.count
                return Finding(
                    check: "durability.host-flushes", level: count >= wanted ? .pass : .fail,
                    measured: "\(wanted) durable writes in the guest, \(count) flushes of the disk's file on the host (\(how))", expected: expected,
                    remedy: count >= wanted ? nil : "commits may be lost with the host's power: see durability.nodes, then stop and start the appliance")
            case .impossible(let reason):
                return Finding(
                    check: "durability.host-flushes", level: .skip,
                    measured: "requests conserved, durability by configuration only: \(reason.reason)", expected: expected, remedy: reason.remedy)
            case nil:
                return Finding(
                    check: "durability.host-flushes", level: .fail, measured: "the host's count was lost", expected: expected, remedy: "verify again")
            }
        }
    }
}
