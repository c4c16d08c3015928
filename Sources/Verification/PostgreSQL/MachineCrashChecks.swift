internal import ApplianceModel
internal import Basics
internal import HostSystem
internal import MachineBackend
internal import Reports

/// Ends the machine's process with SIGKILL and checks for what was committed a moment before. This tests the death of a process, not a loss of the
/// host's power.
enum MachineCrashChecks {
    static let group = CheckGroup(name: .postgresql, check: "postgresql.machine-crash", runs: \.killsMachine) { run, _ in
        let target = run.target
        let token = try await CommitProbe.write(target)
        run.progress("ending the machine's process and starting it again: as long as a boot takes")
        let clock = ContinuousClock()
        let start = clock.now
        // A killed machine is started again, whatever happens to this run.
        let killed = try await withoutCancellation {
            let killed = try await kill(target)
            try await target.restart()
            return killed
        }
        let seconds = (clock.now - start).components.seconds
        try Task.checkCancellation()
        return [judge(wasKilled: killed, seconds: seconds, committed: token, found: try await CommitProbe.read(target))]
    }

    /// - Returns: whether it was SIGKILL. If the machine's process is not on this host, or this user may not end it, its power is cut instead.
    private static func kill(_ target: VerificationTarget) async throws -> Bool {
        guard let provider = target.backend.capabilities.process, let process = try await provider.processID(of: target.machine),
            (try? ProcessTable.kill(process)) != nil
        else {
            try await target.backend.powerOff(target.machine)
            return false
        }
        let clock = ContinuousClock()
        let hasEnded = try await poll(every: .milliseconds(50), until: clock.now + .seconds(20), on: clock) { () -> Bool? in
            // A daemon notices the end a moment later. Until then, it would ignore a request to start the machine.
            if try await provider.processID(of: target.machine) == process { return nil }
            return try await target.backend.powerState(of: target.machine) == .running ? nil : true
        }
        guard hasEnded == true else { throw Failure(.timedOut, "process \(process) was killed and has not ended") }
        return true
    }

    /// The rules, separate from the crash.
    static func judge(wasKilled: Bool, seconds: Int64, committed: String, found: String?) -> Finding {
        Finding(
            check: "postgresql.machine-crash", level: found == committed ? .pass : .fail,
            measured: "\(wasKilled ? "the machine's process was killed (SIGKILL)" : "the machine's power was cut") and started again, "
                + "PostgreSQL answered after \(seconds) s; the row is \(found == committed ? "there" : found == nil ? "gone" : "an older one"); "
                + "the host stayed up: a loss of its power is not tried",
            expected: "the row that was committed before",
            remedy: found == committed ? nil : "look at the durability group: a flush does not reach the host")
    }
}
