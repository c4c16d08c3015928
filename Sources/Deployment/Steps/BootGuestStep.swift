internal import ApplianceModel
internal import Basics
internal import CloudInit
internal import HostSystem
internal import MachineBackend
internal import SecureShell
internal import Workflow

/// Boots the guest and makes it independent: it is reachable, has a host key that only it knows, and no longer has cloud-init or its seed.
struct BootGuestStep: Step {
    let id = StepID(rawValue: "boot-guest")
    let title = "Boot the guest"

    func explanation(_ context: DeploymentContext) -> StepExplanation {
        StepExplanation(
            what: "starts the machine, waits for SSH with the pinned key and for cloud-init, changes the host key, and takes the seed away",
            why: "after this the guest boots the same with no seed, and the key that travelled in the seed is worth nothing",
            byHand: ["pgkvm start \(context.spec.name)", "cloud-init status --wait", "touch /etc/cloud/cloud-init.disabled"])
    }

    func inspect(_ context: DeploymentContext) async throws -> StepStatus {
        guard let first = try await context.journal.fact(FirstBootFact.self),
            let machine = try await context.journal.fact(MachineFact.self)?.reference,
            case .running = try await context.backend.powerState(of: machine)
        else { return .pending }
        do {
            try await context.guest.connect(timeout: .seconds(10))
        } catch let error as Failure where error.code != .sshHostKeyMismatch {
            return .pending
        }
        if let platform = context.backend.capabilities.availability, try await !platform.isAvailabilityAsWanted(for: machine) { return .pending }
        return .satisfied("the guest answers with its own key (\(first.hostKeyFingerprint))")
    }

    func perform(_ context: DeploymentContext) async throws {
        let machine = try await context.machine()
        context.judgements.hasStarted = try await context.backend.powerState(of: machine) == .off
        let wait = GuestWait(context: context, machine: machine)
        try await wait.start()
        if try await context.journal.fact(FirstBootFact.self) == nil { try await makeItsOwn(context, machine, wait) }
        if let platform = context.backend.capabilities.availability { try await platform.settleAvailability(of: machine) }
    }

    private func makeItsOwn(_ context: DeploymentContext, _ machine: MachineReference, _ wait: GuestWait) async throws {
        try await letWorkBegin(context)

        StepProgress.report("waiting for cloud-init")
        let cloudInit = CloudInitWait(signs: wait.signs)
        try await wait.watching { try await cloudInit.untilDone(context.guest) }
        StepProgress.report("changing the host key")
        let key = try await changeHostKey(context, wait)
        StepProgress.report("leaving cloud-init")
        try await context.runAsRoot(FirstBootCleanup.script(context.guestNetwork()))
        try await context.backend.detachSeed(from: machine)
        try await context.journal.record(FirstBootFact(hostKeyFingerprint: key.fingerprint))
    }

    /// The guest can do the work of the next steps without pgkvm and without cloud-init, so it works while its key changes.
    private func letWorkBegin(_ context: DeploymentContext) async throws {
        guard try await InstallPostgreSQLStep.needsNoNetwork(context) else { return }
        try await context.giveHeadStart(InstallPostgreSQLStep.installation(context))
        // The file system is made after the disk was written, and the cluster after the file system.
        if let reservation = try await PrepareDataDiskStep.reservation(context) { return try await context.giveHeadStart(reservation) }
        try await context.giveHeadStart(PrepareDataDiskStep.preparation(context))
        try await context.giveHeadStart(ConfigurePostgreSQLStep.initialization(context))
    }

    /// Both keys are pinned and on disk during the change. If it is interrupted at any moment, the guest's key is still known.
    private func changeHostKey(_ context: DeploymentContext, _ wait: GuestWait) async throws -> HostKey {
        let staged = try await context.runAsRoot(HostKeyRotation.stageScript(hostname: context.spec.name)).outputText
        let line = String(staged.split(whereSeparator: \.isNewline).first ?? "")
        guard let new = HostKey(openSSH: line) else {
            throw Failure(.noPinnedKey, "the guest made a host key that is not ed25519")
        }
        let old = try PinnedKeys.read(context.directory).filter { $0 != new }
        try PinnedKeys.write(old + [new], to: context.directory)
        try await context.journal.record(HostKeyFact(pinned: (old + [new]).map(\.fingerprint)))
        try await context.runAsRoot(HostKeyRotation.activateScript(publicKey: line, hostname: context.spec.name))

        // Only a new connection shows which key the server has now.
        await context.guest.close()
        try PinnedKeys.write([new], to: context.directory)
        do {
            // The server is restarting, so connections may be refused for a moment.
            try await wait.forSSH()
        } catch {
            try PinnedKeys.write(old + [new], to: context.directory)
            throw error
        }
        try await context.journal.record(HostKeyFact(pinned: [new.fingerprint]))
        return new
    }

    func revert(_ context: DeploymentContext) async throws {
        guard let machine = try await context.journal.fact(MachineFact.self)?.reference else { return }
        await context.guest.close()
        try await context.backend.powerOff(machine)
    }
}

/// Fingerprints of the host keys that are accepted.
struct HostKeyFact: Fact {
    static let key = "host-key"
    let pinned: [String]
}
