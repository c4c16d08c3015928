internal import ApplianceModel
package import Basics
internal import HostSystem
package import MachineBackend

/// Starting and stopping. The HA manager starts and stops a machine that is under HA: the server passes the same calls on to it, and answers
/// before anything has happened. For such a machine the manager's requested state counts, not the process: the manager starts the machine again
/// unless it was told to stop it.
extension ProxmoxBackend {
    package func start(_ machine: MachineReference) async throws {
        let client = try client()
        let found = try await existing(machine, client)
        let status = try await status(found, client)
        if case .running = status.power {
            if !status.isManaged || status.managerState == "started" { return }
        } else {
            try Self.checkDisks(found)
        }
        do {
            try await client.run(.start(found.place), title: "the start of VM \(found.place.vmid)", limit: timing.task, report: report)
        } catch let error as Failure where error.code == .proxmoxTaskFailed {
            // Someone else was faster.
            guard ServerReason.alreadyRunning.isGiven(in: error.message) else { throw error }
        }
        guard try await wait(for: machine, until: .running, within: timing.task, client) else {
            throw Failure(
                .machineFailed, "VM \(found.place.vmid) does not run \(timing.task.wholeSeconds) s after its start",
                remedy: "look at it on node '\(found.place.node)': qm status \(found.place.vmid) --verbose; ha-manager status")
        }
    }

    package func shutDown(_ machine: MachineReference, grace: Duration) async throws {
        let client = try client()
        guard let found = try await locate(machine, client) else { return }
        guard try await !status(found, client).isSettledOff else { return }
        do {
            try await client.run(
                .shutDown(found.place, seconds: grace.wholeSeconds), title: "the shutdown of VM \(found.place.vmid)", limit: grace + timing.task, report: report
            )
        } catch let error as Failure where error.code == .proxmoxTaskFailed {
            guard try await !status(found, client).isSettledOff else { return }
            throw stillRunning(found, grace, cause: error)
        }
        guard try await wait(for: machine, until: .off, within: grace + timing.call, client) else { throw stillRunning(found, grace, cause: nil) }
    }

    private func stillRunning(_ machine: FoundMachine, _ grace: Duration, cause: (any Error)?) -> Failure {
        Failure(
            .machineStillRunning, "VM \(machine.place.vmid) did not shut down within \(grace.wholeSeconds) s",
            remedy: "wait and try again, or end it at once: pgkvm stop NAME --force", cause: cause)
    }

    package func powerOff(_ machine: MachineReference) async throws {
        let client = try client()
        guard let found = try await locate(machine, client) else { return }
        try await powerOff(found, client)
    }

    func powerOff(_ machine: FoundMachine, _ client: PVEClient) async throws {
        guard try await !status(machine, client).isSettledOff else { return }
        do {
            try await client.run(.stop(machine.place), title: "the stop of VM \(machine.place.vmid)", limit: timing.task, report: report)
        } catch let error as Failure where error.code == .proxmoxTaskFailed {
            guard try await !status(machine, client).isSettledOff else { return }
            throw error
        }
        let isOff: Bool? = try await pollPower(within: timing.task) { try await status(machine, client).isSettledOff ? true : nil }
        guard isOff == true else {
            throw Failure(
                .machineFailed, "VM \(machine.place.vmid) still runs \(timing.task.wholeSeconds) s after its stop",
                remedy: "look at it on node '\(machine.place.node)': qm status \(machine.place.vmid) --verbose; ha-manager status")
        }
    }

    package func powerState(of machine: MachineReference) async throws -> PowerState {
        let client = try client()
        guard let found = try await locate(machine, client) else { return .absent }
        return try await status(found, client).power
    }

    /// The content of `status/current`.
    struct Status: Sendable {
        let power: PowerState
        /// Whether the machine is under HA.
        let isManaged: Bool
        /// The state that the manager has reached or is working on, such as `started` or `stopped`; nil before it has looked at the machine.
        let managerState: String?

        /// Whether the machine has a process, in whatever state.
        var isOn: Bool {
            if case .off = power { return false }
            return true
        }

        /// Whether the machine is off and will stay off.
        var isSettledOff: Bool { !isOn && (!isManaged || managerState == "stopped") }
        /// Whether the machine runs, or is paused after its start, and is not about to be stopped. `powerState` says why it is paused.
        var isSettledOn: Bool {
            switch power {
            case .running, .paused: !isManaged || managerState == "started"
            case .off, .absent, .unresponsive: false
            }
        }

        init(_ data: JSONValue, vmid: Int) {
            isManaged = data["ha"]?["managed"]?.flag == true
            managerState = data["ha"]?["state"]?.text
            let word = data["qmpstatus"]?.text ?? "running"
            switch (data["status"]?.text, word) {
            case ("stopped", _): power = .off
            case ("running", "running"): power = .running
            case ("running", "io-error"):
                power = .paused(reason: "the store of a disk failed or is full", remedy: "free space there, then: qm resume \(vmid)")
            case ("running", "internal-error"), ("running", "guest-panicked"):
                power = .paused(reason: "the guest crashed (\(word))", remedy: "qm reset \(vmid)")
            case ("running", "prelaunch"): power = .paused(reason: "it was started with its processor halted", remedy: "qm resume \(vmid)")
            case ("running", _): power = .paused(reason: "somebody paused it (\(word))", remedy: "qm resume \(vmid)")
            default: power = .unresponsive
            }
        }
    }

    func status(_ machine: FoundMachine, _ client: PVEClient) async throws -> Status {
        Status(try await client.data(.status(machine.place)), vmid: machine.place.vmid)
    }

    /// Checks the machine on whatever node it is now: the HA manager may start it on another one.
    private func wait(for machine: MachineReference, until wanted: PowerState, within limit: Duration, _ client: PVEClient) async throws -> Bool {
        let reached: Bool? = try await pollPower(within: limit) {
            guard let found = try await locate(machine, client) else { return wanted == .off ? true : nil }
            let status = try await status(found, client)
            return (wanted == .off ? status.isSettledOff : status.isSettledOn) ? true : nil
        }
        return reached == true
    }

    /// The wait continues even if a node occasionally does not answer.
    private func pollPower(within limit: Duration, _ probe: () async throws -> Bool?) async throws -> Bool? {
        let clock = ContinuousClock()
        var outage = Outage(limit: timing.outage)
        return try await WaitingTime.measure {
            try await poll(every: min(timing.firstPause, .milliseconds(500)), until: clock.now + limit, on: clock) {
                do {
                    let reached = try await probe()
                    outage.end()
                    return reached
                } catch let error as Failure where error.code == .proxmoxNode {
                    guard outage.isTolerable() else { throw error }
                    return nil
                }
            }
        }
    }
}

extension ProxmoxBackend: RemotePlatform {
    package func isSilence(_ failure: Failure) -> Bool { failure.isSilence }
}
