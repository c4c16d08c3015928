package import ApplianceModel
package import GuestImage
internal import HostSystem
package import MachineBackend
internal import SystemPackage
internal import Workflow

/// Where appliances and images are stored, and the platforms that run them. The executable creates it once.
package struct ApplianceEnvironment: Sendable {
    package let state: StateDirectory
    package let images: ImageCache
    /// How to open a connection to a guest.
    let openGuest: GuestOpening
    private let platform: @Sendable (ApplianceSpec.Machine) -> any MachineBackend

    /// - Parameter platform: returns the platform that a spec's machine asks for.
    package init(
        state: StateDirectory, images: ImageCache, openGuest: @escaping GuestOpening = GuestSession.opening,
        platform: @escaping @Sendable (ApplianceSpec.Machine) -> any MachineBackend
    ) {
        self.state = state
        self.images = images
        self.openGuest = openGuest
        self.platform = platform
    }

    /// The platform that a spec asks for.
    package func backend(for spec: ApplianceSpec) -> any MachineBackend { platform(spec.machine) }

    /// The platform of a machine of which only the appliance's name is known. The spec is read only if the kind of platform does not identify it.
    func backend(of machine: MachineReference, _ name: ApplianceName) throws -> any MachineBackend {
        machine.backend == .qemu ? platform(ApplianceSpec.Machine()) : try Appliance.open(name.rawValue, in: self).context.backend
    }

    /// The ID of what was deployed under a name from this state directory; nil if nothing was.
    /// - Throws: the error that makes the journal unreadable.
    package func deployment(of name: ApplianceName) async throws -> DeploymentID? {
        let directory = state.appliance(name)
        let journal = try Appliance.journal({ JournalSnapshot(directory: directory) }, path: directory.journal)
        return try await journal.fact(DeploymentFact.self)?.id
    }

    /// The same environment for a read-only command.
    var lookingOnly: ApplianceEnvironment {
        ApplianceEnvironment(state: state, images: images, openGuest: openGuest) { [platform] machine in
            platform(machine).lookingOnly
        }
    }

    /// The same environment for a read-only command that must not contact another machine.
    var offline: ApplianceEnvironment {
        ApplianceEnvironment(state: state, images: images, openGuest: openGuest) { [platform] machine in
            platform(machine).offline
        }
    }

    /// Refuses an appliance whose files another user could have replaced. Keys, addresses and commands are read from these files.
    /// - Throws: `state.untrusted`.
    package func checkTrust(_ name: ApplianceName) throws {
        let directory = state.appliance(name)
        try PathTrust.check(directory.path)
        let files = [
            directory.spec, directory.wantedSpec, directory.journal, directory.journalSeal, directory.card, directory.knownHost, directory.sshKey,
            directory.sshPublicKey, directory.caCertificate, directory.caKey, directory.passwords, directory.priority, directory.autostart,
            directory.path.appending("records"), directory.path.appending("machines"),
        ]
        for file in files { try PathTrust.checkEntry(file) }
    }

    /// The appliances in the state directory, by name.
    /// - Throws: `state.untrusted`, `file.unreadable`.
    package func names() throws -> [ApplianceName] {
        try PathTrust.check(state.path)
        return try Files.list(state.path).compactMap(ApplianceName.init).filter { Files.exists(state.appliance($0).spec) }
    }
}
