package import ApplianceModel
package import Basics
internal import HostSystem
package import MachineBackend
internal import SpecFile
internal import SystemPackage
internal import Workflow

/// An appliance whose journal cannot be used. What is known without the journal is enough to report its state, to stop it and to remove it.
package struct DamagedAppliance: Sendable {
    package let name: ApplianceName
    package let spec: ApplianceSpec
    /// Why it cannot be opened.
    package let damage: Failure
    /// The content of its card; nil if there is no readable card.
    let card: ApplianceCard?
    private let environment: ApplianceEnvironment
    private var directory: ApplianceDirectory { environment.state.appliance(name) }
    private var backend: any MachineBackend { environment.backend(for: spec) }
    private var remains: (any RemainsProviding)? { backend.capabilities.remains }

    /// Nil for an appliance that can be opened.
    /// - Throws: the errors of `Appliance.open` that are not about its journal.
    package init?(_ name: String, in environment: ApplianceEnvironment) throws {
        do {
            _ = try Appliance.open(name, in: environment)
            return nil
        } catch let damage as Failure where damage.code == .journalUnusable {
            guard let name = ApplianceName(name) else { throw damage }
            let directory = environment.state.appliance(name)
            self.name = name
            self.damage = damage
            self.environment = environment
            spec = try SpecFile.parse(Files.read(directory.spec), file: directory.spec.string)
            card = try? ApplianceCard.read(name, in: environment)
        }
    }

    /// The machine: from the platform's own record if it keeps one on this host, otherwise from the card.
    package var machine: MachineReference? {
        if let remains { return remains.recordedMachine(of: name) }
        return card?.machine.flatMap { $0.backend == backend.kind ? $0 : nil }
    }

    /// The state that the platform reports. If the platform has no record of the machine: whether something runs.
    package func powerState() async throws -> PowerState {
        let known: PowerState
        if let machine { known = try await backend.powerState(of: machine) } else { known = .absent }
        guard known == .absent || known == .off, let remains, try await remains.runs(name) else { return known }
        return .unresponsive
    }

    /// Shuts the guest down and waits, or cuts its power.
    package func stop(grace: Duration, force: Bool) async throws {
        if let machine, try await backend.powerState(of: machine) != .absent {
            if force { try await backend.powerOff(machine) } else { try await backend.shutDown(machine, grace: grace) }
        }
        if let remains, remains.recordedMachine(of: name) == nil { try await remains.end(name, grace: force ? nil : grace) }
    }

    /// Removes the machine and this host's files of the appliance.
    /// - Throws: the damage, if the appliance may have a machine on another platform that nothing on this host identifies.
    package func delete() async throws {
        let lock = try Appliance.lock(name, directory)
        let machine = machine
        guard machine != nil || remains != nil else {
            throw Failure(
                .applianceDamaged, "nothing here says any more which machine of \(spec.machine.backend.rawValue) is that of '\(name)'",
                remedy: "remove that machine there, then: pgkvm delete \(name) --forget", cause: damage)
        }
        if let machine { try await backend.delete(machine) }
        try await remains?.remove(name)
        try Files.remove(directory.path)
        _ = consume lock
    }

    /// Removes this host's files of the appliance and leaves its machine, which belongs to another platform.
    /// - Returns: the machine that may still exist, as far as it is known.
    /// - Throws: `unsupported` for a machine whose disks are among the appliance's own files.
    package func forget() throws -> MachineReference? {
        guard spec.machine.backend != .qemu else {
            throw Failure(.unsupported, "the machine of '\(name)' is this host's own, and its disks lie with the appliance", remedy: "pgkvm delete \(name)")
        }
        let lock = try Appliance.lock(name, directory)
        let machine = machine
        try Files.remove(directory.path)
        _ = consume lock
        return machine
    }
}

extension ApplianceSummary {
    /// The summary of an appliance without its journal.
    package static func of(_ appliance: DamagedAppliance) async throws -> ApplianceSummary {
        let state = try await appliance.powerState()
        let cause = (appliance.damage.cause as? Failure).flatMap { $0.code.isOfJournal ? $0 : nil }
        return ApplianceSummary(
            name: appliance.name.rawValue, state: state.word, reason: (cause?.message ?? appliance.damage.message),
            remedy: cause?.remedy ?? appliance.damage.remedy,
            deployment: damagedWord, server: nil, change: nil, hostStart: nil,
            postgresqlVersion: appliance.card?.postgresqlVersion ?? appliance.spec.postgresql.version,
            accelerator: nil, vcpus: appliance.spec.machine.vcpus, memory: "\(appliance.spec.machine.memory)", dataDisk: "\(appliance.spec.dataDisk.size)",
            postgresql: appliance.card?.address, ssh: nil, networkMode: appliance.spec.network.mode.rawValue,
            isThisHostOnly: appliance.spec.network.mode == .user, processID: nil, verified: nil, changed: nil, warnings: nil)
    }

    /// What `list` and `status` show as the state of its deployment.
    static let damagedWord = "damaged"
}

extension Failure.Code {
    /// The remains of an appliance do not say which machine belongs to it.
    package static let applianceDamaged = Failure.Code("appliance.damaged")
}
