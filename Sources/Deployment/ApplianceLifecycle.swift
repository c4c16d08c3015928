internal import ApplianceModel
internal import Basics
internal import FoundationEssentials
internal import HostSystem
package import MachineBackend
internal import PostgresClient
package import SystemPackage
internal import Workflow

/// Operations on an appliance after its deployment.
extension Appliance {
    /// Starts the machine and waits until PostgreSQL answers over libpq.
    /// - Returns: warnings about an appliance that has started.
    @discardableResult
    package func start() async throws -> [String] {
        try await exclusively { appliance in
            try await appliance.context.startAndWait()
            await appliance.context.guest.close()
            if let machine = try await appliance.machine() { await appliance.hostStarting?.forgetFailedHostStart(of: machine) }
            return await appliance.priorityWarnings()
        }
    }

    /// Shuts the guest down and waits, or cuts its power.
    package func stop(grace: Duration, force: Bool) async throws {
        try await cancelHostStart()
        if let machine = try await machine() {
            if force {
                try await context.backend.powerOff(machine)
            } else {
                try await context.backend.shutDown(machine, grace: grace)
            }
        }
        // The platform's record of the machine may be missing while the machine runs.
        if let platform = context.backend.capabilities.remains, platform.recordedMachine(of: name) == nil {
            try await platform.end(name, grace: force ? nil : grace)
        }
    }

    /// Removes the appliance and everything in it.
    package func delete() async throws {
        try await cancelHostStart()
        try await exclusively(isLast: true) { appliance in
            try await appliance.deleteMachine()
            try Files.remove(directory.path)
        }
    }

    /// Removes this host's files of the appliance without contacting its platform: for a platform that is gone for good.
    /// - Returns: the machine that may still exist; nil if none was created.
    /// - Throws: `unsupported` for a machine whose disks are among the appliance's own files.
    package func forget() async throws -> MachineReference? {
        guard context.spec.machine.backend != .qemu else {
            throw Failure(.unsupported, "the machine of '\(name)' is this host's own, and its disks lie with the appliance", remedy: "pgkvm delete \(name)")
        }
        return try await exclusively(isLast: true) { appliance in
            let machine = try await appliance.machine()
            try Files.remove(directory.path)
            return machine
        }
    }

    /// Removes the appliance and keeps its data disk, CA and passwords.
    /// - Returns: the directory to give to `data.adopt`.
    /// - Throws: `unsupported` if the disk is not a file on this host; nothing has changed then.
    package func deleteKeepingData(grace: Duration) async throws -> FilePath {
        guard let provider = context.backend.capabilities.dataDiskFile else {
            throw Failure(
                .unsupported, "the data disk of '\(name)' is no file of this host that could be moved away",
                remedy: "dump the databases (pg_dump), then: pgkvm delete \(name)")
        }
        try await cancelHostStart()
        return try await exclusively { appliance in
            let context = appliance.context
            let kept = try await appliance.keptDirectory()
            if let machine = try await appliance.machine() {
                try await context.backend.shutDown(machine, grace: grace)
                let disk = provider.dataDiskFile(of: machine)
                try KeptData.moveDisk(disk, to: kept)
            }
            try await appliance.deleteMachine()
            try Files.remove(directory.path)
            return kept
        }
    }

    /// If the host is starting the machine, or is about to retry, it would treat the end of the machine as a failure.
    private func cancelHostStart() async throws {
        guard let machine = try await machine() else { return }
        try await hostStarting?.cancelHostStart(of: machine)
    }

    private func deleteMachine() async throws {
        if let id = try await context.journal.fact(DeploymentFact.self)?.id {
            let known = try await machine()
            // A deployment that was killed while it created the machine has not recorded it yet.
            let found = try await context.backend.find(id, name: name)
            if let machine = known ?? found {
                try await context.backend.delete(machine)
            }
        }
        // A machine may run although the platform has no record of it; its files are about to be removed.
        try await context.backend.capabilities.remains?.remove(name)
    }

    /// The directory for the kept data, with everything but the disk in it. It is journalled first, so that a killed delete can resume.
    private func keptDirectory() async throws -> FilePath {
        guard let disk = try await context.journal.fact(DataDiskFact.self), try await context.journal.fact(ConfigurationFact.self) != nil else {
            throw Failure(.dataNotKept, "'\(name)' has no database yet that could be kept", remedy: "pgkvm delete \(name)")
        }
        let kept: FilePath
        if let fact = try await context.journal.fact(KeptFact.self) {
            kept = FilePath(fact.directory)
        } else {
            let stamp = Date.now.ISO8601Format().filter { $0.isNumber }
            kept = KeptData.parent(in: environment.state).appending("\(name)-\(stamp)")
            try await context.journal.record(KeptFact(directory: kept.string))
        }
        try Files.createDirectory(kept)
        try KeptData.removeAbandoned(in: environment.state)
        let copies = [
            (directory.caCertificate, KeptData.Name.caCertificate), (directory.caKey, KeptData.Name.caKey),
            (directory.passwords, KeptData.Name.passwords), (directory.spec, KeptData.Name.spec),
        ]
        for (source, target) in copies { try Files.write(Files.read(source), to: kept.appending(target)) }
        try KeptData(
            appliance: name.rawValue, postgresqlVersion: await context.postgresqlVersion(), fileSystemUUID: disk.uuid,
            size: context.spec.dataDisk.size
        ).save(to: kept)
        return kept
    }
}

extension DeploymentContext {
    /// Starts the machine and waits for as much of the guest as was deployed.
    func startAndWait() async throws {
        let machine = try await machine()
        guard try await journal.fact(FirstBootFact.self) != nil else { return try await backend.start(machine) }
        let wait = GuestWait(context: self, machine: machine)
        try await wait.start()
        guard try await journal.fact(ConfigurationFact.self) != nil else { return }
        let signs = wait.signs
        try await wait.watching {
            var server = ServerWait(self, signs: signs)
            try await server.untilItAnswers()
        }
    }
}

/// Where a delete moves the data that it keeps.
struct KeptFact: Fact {
    static let key = "kept"
    let directory: String
}
