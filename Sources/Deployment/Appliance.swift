package import ApplianceModel
package import Basics
internal import HostSystem
package import MachineBackend
internal import PostgresClient
internal import SpecFile
internal import SystemPackage
internal import Workflow

/// An appliance that exists, complete or incomplete.
package struct Appliance: Sendable {
    package let context: DeploymentContext
    package let environment: ApplianceEnvironment

    package var name: ApplianceName { context.spec.name }
    package var directory: ApplianceDirectory { context.directory }

    /// Opens an appliance in this state directory. Changes nothing.
    /// - Throws: `appliance.not-found`, and the errors for a damaged spec or journal.
    package static func open(_ name: String, in environment: ApplianceEnvironment) throws -> Appliance {
        guard let valid = ApplianceName(name) else {
            throw Failure(.invalidInput, "'\(name)' is not an appliance name", remedy: "a name has \(ApplianceName.rule)")
        }
        let directory = environment.state.appliance(valid)
        try environment.checkTrust(valid)
        guard Files.exists(directory.spec) else {
            let known = try environment.names().map(\.rawValue)
            throw Failure(
                .applianceNotFound, "there is no appliance '\(name)' in '\(environment.state.path)'\(Suggestion.text(for: name, among: known))",
                remedy: known.isEmpty ? "pgkvm deploy \(name)" : "choose one of: \(known.joined(separator: ", "))")
        }
        let spec = try SpecFile.parse(Files.readRegular(directory.spec), file: directory.spec.string)
        return try Appliance(spec: spec, environment: environment, storage: { JournalSnapshot(directory: directory) })
    }

    /// An appliance whose journal can be written. The caller holds the appliance's lock.
    init(
        writing spec: ApplianceSpec, environment: ApplianceEnvironment, bootPatience: Duration = .seconds(300), leave: Leave = Leave(),
        places: SpecPlaces = SpecPlaces()
    ) throws {
        let directory = environment.state.appliance(spec.name)
        try self.init(
            spec: spec, environment: environment, storage: { try FileJournalStorage(directory) }, bootPatience: bootPatience, leave: leave, places: places)
    }

    private init(
        spec: ApplianceSpec, environment: ApplianceEnvironment, storage: () throws -> any JournalStorage, bootPatience: Duration = .seconds(300),
        leave: Leave = Leave(), places: SpecPlaces = SpecPlaces()
    ) throws {
        let directory = environment.state.appliance(spec.name)
        let journal = try Self.journal(storage, path: directory.journal)
        self.environment = environment
        context = DeploymentContext(
            spec: spec, directory: directory, backend: environment.backend(for: spec), images: environment.images, journal: journal,
            bootPatience: bootPatience, leave: leave, places: places, openGuest: environment.openGuest)
    }

    static func journal(_ storage: () throws -> any JournalStorage, path: FilePath) throws -> Journal {
        do {
            return try Journal(storage: storage())
        } catch let error as Failure where error.code.isOfJournal {
            throw Failure(.journalUnusable, "'\(path)' cannot be used", cause: error)
        }
    }

    /// Runs a change while no one else works on the appliance.
    /// - Parameters:
    ///   - isLast: whether the change removes the appliance. If so, it does not matter that a record from an older version is refused.
    ///   - body: receives the appliance with a writable journal.
    /// - Throws: `appliance.busy`.
    package func exclusively<Value>(isLast: Bool = false, _ body: (Appliance) async throws -> Value) async throws -> Value {
        let lock = try Self.lock(name, directory)
        let appliance = try Appliance(writing: context.spec, environment: environment)
        do {
            try await appliance.takeOverRecords()
        } catch  where isLast {
        }
        let value = try await body(appliance)
        _ = consume lock
        return value
    }

    /// Moves the records that older versions kept where QEMU can write. The caller holds the appliance's lock.
    func takeOverRecords() async throws {
        guard let keeper = context.backend.capabilities.records, let deployment = try await context.journal.fact(DeploymentFact.self)?.id else { return }
        try await keeper.takeOverRecords(of: name, deployment: deployment, network: context.journal.fact(NetworkFact.self)?.decision)
    }

    /// Keeps all other processes from changing the appliance as long as the value lives.
    /// - Throws: `appliance.busy`.
    static func lock(_ name: ApplianceName, _ directory: ApplianceDirectory) throws -> FileLock {
        guard let lock = try FileLock.tryAcquire(directory.lock) else {
            throw Failure(
                .applianceBusy, "another pgkvm is working on '\(name)'",
                remedy: "wait until it has ended; 'pgkvm status \(name)' can be asked meanwhile")
        }
        return lock
    }

    /// The machine; nil until the deployment has created it.
    package func machine() async throws -> MachineReference? { try await context.journal.fact(MachineFact.self)?.reference }

    /// The machine's state as the platform reports it.
    package func powerState() async throws -> PowerState {
        guard let machine = try await machine() else { return .absent }
        return try await context.backend.powerState(of: machine)
    }

    /// Whether every step of the deployment is done and verified.
    package func isVerified() async throws -> Bool { try await context.journal.fact(VerifiedFact.self) != nil }
}

extension Failure.Code {
    package static let applianceNotFound = Failure.Code("appliance.not-found")
    package static let journalUnusable = Failure.Code("journal.unusable")
    package static let applianceBusy = Failure.Code("appliance.busy")
    package static let applianceDiffers = Failure.Code("appliance.differs")
    /// A change needs a restart that the user has not allowed.
    package static let restartNeeded = Failure.Code("appliance.restart-needed")
}
