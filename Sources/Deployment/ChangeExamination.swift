internal import ApplianceModel
package import Basics
internal import GuestImage
internal import HostSystem
internal import MachineBackend
internal import PostgresServer
internal import Quoting
internal import SpecFile
internal import SystemPackage
internal import Workflow

/// All checks before the spec of an appliance with a machine is changed. Nothing changes until they have passed.
struct ChangeExamination {
    let known: DeploymentContext
    let wanted: DeploymentContext
    /// Whether a server was configured before. If not, nothing of the former spec is in force yet.
    let isConfigured: Bool
    let sink: any EventSink

    private var name: ApplianceName { known.spec.name }

    /// - Throws: `appliance.differs`, `spec.refused`, `server.edited`, `appliance.restart-needed`, `disk.full`, `machine.availability`, and the
    ///   errors of the connection to the guest.
    func pass(_ machine: MachineReference) async throws {
        let isRunning = try await known.backend.powerState(of: machine) == .running
        let version = try await known.knownPostgreSQLVersion()
        let made = try await MadeParts.of(known, wanted: wanted.spec, version: version, isRunning: isRunning)
        var changes = SpecChanges(from: known.spec, to: wanted.spec, version: version, restart: .unknown, made: made)
        guard changes.impossible.isEmpty else { throw differs(changes) }
        try await checkSpace()
        if !isConfigured {
            try CatalogueFindings.check(
                wanted.spec, image: try await wanted.images.find(wanted.spec.machine.image), images: wanted.images,
                places: wanted.places)
        }
        let availability = try await availability(of: machine)
        if isConfigured, isRunning, let judgement = try await judgement() {
            changes = SpecChanges(from: known.spec, to: wanted.spec, version: version, restart: .waiting(judgement.waitingForRestart), made: made)
        }
        let text = changes.changes.map { "\n    " + PlanText.line($0) }.joined()
        if changes.needsRestart, isRunning { try await wanted.leave.toRestart(for: changes.changes, of: name) }
        if !changes.changes.isEmpty { sink.receive(.warning("the spec of '\(name)' changes:\(text)")) }
        if let availability { sink.receive(.warning(availability)) }
    }

    private func differs(_ changes: SpecChanges) -> Failure {
        let text = changes.changes.map { "\n    " + PlanText.line($0) }.joined()
        return Failure(
            .applianceDiffers, "'\(name)' is deployed with another spec, and not every difference can be made:\(text)",
            remedy: "deploy it as it is: pgkvm deploy \(ShellWord.quoted(known.directory.spec.string)); or choose another name, or delete it first")
    }

    /// The judgement of the guest's server; nil if the server would not change.
    private func judgement() async throws -> ServerJudgement? {
        guard let fact = try await known.journal.fact(ConfigurationFact.self) else { return nil }
        let wait = GuestWait(context: wanted, machine: try await wanted.machine())
        try await wait.forSSH()
        guard try await ServerPlan(wanted).digest != fact.digest else { return nil }
        let judgement = try await wanted.judgement()
        guard judgement.faults.isEmpty else { throw wanted.refusal(judgement.faults) }
        try await wanted.leave.toOverwrite(judgement.addedByHand, of: name)
        return judgement
    }

    /// What is lost when another host takes over; nil if nothing is lost, or if the change does not affect it.
    /// - Throws: `machine.availability` if no other host could take over.
    private func availability(of machine: MachineReference) async throws -> String? {
        guard let platform = wanted.backend.capabilities.availability,
            let finding = try await platform.examineChange(of: machine), finding.level != .pass
        else { return nil }
        guard finding.level != .fail else {
            throw Failure(.availabilityImpossible, "\(finding.measured); nothing was changed", remedy: finding.remedy)
        }
        return finding.measured + (finding.remedy.map { "; \($0)" } ?? "")
    }

    /// Checks that a larger disk fits before storing the spec that asks for it, because a disk cannot be made smaller again.
    private func checkSpace() async throws {
        guard let machine = try await known.journal.fact(MachineFact.self)?.reference else { return }
        let present = try await known.backend.dataDisk(of: machine)
        let growth = wanted.spec.dataDisk.size - present
        guard growth.bytes > 0 else { return }
        let free = try await known.backend.spaceLeft(for: machine)
        guard growth < free else {
            throw Failure(
                .diskFull, "the data disk would grow by \(growth.mebibytes) MiB, and \(free.mebibytes) MiB are free where it lies; nothing was changed",
                remedy: "free space, or ask for a smaller data disk")
        }
    }
}

extension Failure.Code {
    /// No other host of the platform could take over the machine.
    package static let availabilityImpossible = Failure.Code("machine.availability")
}
