internal import ApplianceModel
internal import Basics
internal import HostSystem
internal import MachineBackend
internal import Probes
internal import Reports
internal import SystemPackage

/// Runs the same work in the guest, on the data disk, and on the host, on the file system that holds the disk. The two alternate, round by round.
enum DiskLatencyChecks {
    static let write = group(
        LatencyVerdict(
            check: "disk.write-latency", work: "8 KiB write and fdatasync, one at a time: time of the fdatasync", counter: "flushes", slack: 1),
        name: "write latency", milliseconds: 1_000, counted: \.flushes
    ) {
        try $0.syncedWrites()
    } job: {
        .writeAndSync($0, milliseconds: $1)
    }

    static let read = group(
        LatencyVerdict(check: "disk.read-latency", work: "8 KiB read from a random place with O_DIRECT, one at a time", counter: "reads", slack: 0),
        name: "read latency", milliseconds: 500, counted: \.reads
    ) {
        try $0.required(\.reads, "reads")
    } job: {
        .read($0, milliseconds: $1)
    }

    private static func group(
        _ verdict: LatencyVerdict, name: String, milliseconds: Int, counted: @escaping @Sendable (DiskCounters) -> Int,
        result: @escaping @Sendable (FioOutput) throws -> LatencyHistogram, job: @escaping @Sendable (String, Int) -> FioJob
    ) -> CheckGroup {
        CheckGroup(name: .disk, check: verdict.check, runs: { $0.depth != .quick }) { run, measurements in
            try await DiskLoad.alone(run, check: verdict.check, expected: LatencyVerdict.expected) {
                let probe = LatencyProbe(run: run, name: name, milliseconds: milliseconds, counted: counted, result: result, job: job)
                let rounds = try await probe.measure()
                let judged = verdict.judge(rounds)
                measurements.latencies.append(judged.comparison)
                measurements.metrics += judged.metrics
                return [judged.finding]
            }
        }
    }
}

/// Runs one job on both sides alternately.
private struct LatencyProbe {
    let run: VerificationRun
    let name: String
    /// The length of one round on one side.
    let milliseconds: Int
    let counted: @Sendable (DiskCounters) -> Int
    let result: @Sendable (FioOutput) throws -> LatencyHistogram
    let job: @Sendable (String, Int) -> FioJob

    func measure() async throws -> LatencyRounds {
        try await GuestProbeDirectory.with(run.target.shell) { guest in
            guard let parent = try await run.target.probePlace() else {
                return try await rounds(
                    guest, host: nil,
                    missing: NotMeasured(
                        reason: "the disk is not a file of this host",
                        remedy: "there is nothing to compare with on this platform; the guest's figures stand alone"))
            }
            guard Files.isWritable(parent) else {
                return try await rounds(
                    guest, host: nil,
                    missing: NotMeasured(reason: "this user may not write to '\(parent)', where the disk's file lies", remedy: "run pgkvm verify as root"))
            }
            guard ProgramRunner.lookUp("fio") != nil else {
                return try await rounds(
                    guest, host: nil, missing: NotMeasured(reason: "fio is not installed on this host", remedy: "apt-get install fio, then verify again"))
            }
            guard try FileSystems.supportsDirectIO(at: parent) else {
                return try await rounds(
                    guest, host: nil,
                    missing: NotMeasured(
                        reason: "the host's file system has no O_DIRECT: its page cache would be measured", remedy: "put the state directory on ext4 or XFS"))
            }
            return try await HostProbeDirectory.with(in: parent) { try await rounds(guest, host: $0, missing: nil) }
        }
    }

    private func rounds(_ guest: GuestProbeDirectory, host: HostProbeDirectory?, missing: NotMeasured?) async throws -> LatencyRounds {
        run.progress("disk: \(name): writing the files")
        try await guest.fill()
        try await host?.fill()
        var rounds = LatencyRounds(hostMissing: missing)
        let before = try await counters()
        let count = run.options.rounds(standard: 8, full: 30)
        let progress = RoundProgress("disk: \(name)", rounds: count)
        for round in 1...count {
            try Task.checkCancellation()
            run.progress(progress.text(round: round))
            // The two sides take turns at going first, so that a steady rise or fall affects both equally.
            if round.isMultiple(of: 2) {
                rounds.guest.append(try await self.guest(guest))
                if let host { rounds.host.append(try await self.host(host)) }
            } else {
                if let host { rounds.host.append(try await self.host(host)) }
                rounds.guest.append(try await self.guest(guest))
            }
        }
        if let before, let after = try await counters() { rounds.counted = counted(after).subtractingSaturated(counted(before)) }
        return rounds
    }

    private func guest(_ directory: GuestProbeDirectory) async throws -> LatencyHistogram {
        try result(try await directory.run(job(GuestProbeDirectory.file, milliseconds)))
    }

    private func host(_ directory: HostProbeDirectory) async throws -> LatencyHistogram {
        try result(try await directory.run(job(HostProbeDirectory.fileName, milliseconds)))
    }

    /// Nil on a platform that does not count operations.
    private func counters() async throws -> DiskCounters? {
        guard let watching = run.target.backend.capabilities.diskWatching else { return nil }
        return try await watching.diskCounters(of: run.target.machine, serial: MachineSpec.dataDiskSerial)
    }
}
