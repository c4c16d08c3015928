package import ApplianceModel
package import GuestImage
internal import HostSystem
package import MachineBackend

/// Where appliances and images live, and the platforms that run them: made once, by the executable.
package struct ApplianceEnvironment: Sendable {
    package let state: StateDirectory
    package let images: ImageCache
    private let platform: @Sendable (ApplianceSpec.Machine) -> any MachineBackend

    /// - Parameter platform: gives the platform that a spec's machine asks for.
    package init(state: StateDirectory, images: ImageCache, platform: @escaping @Sendable (ApplianceSpec.Machine) -> any MachineBackend) {
        self.state = state
        self.images = images
        self.platform = platform
    }

    /// The platform that a spec asks for.
    package func backend(for spec: ApplianceSpec) -> any MachineBackend { platform(spec.machine) }

    /// The platform of a machine of which no more is known than its appliance's name. The spec is read only where the platform's kind
    /// does not say everything.
    func backend(of machine: MachineReference, _ name: ApplianceName) throws -> any MachineBackend {
        machine.backend == .qemu ? platform(ApplianceSpec.Machine()) : try Appliance.open(name.rawValue, in: self).context.backend
    }

    /// The same for whoever only looks.
    var lookingOnly: ApplianceEnvironment {
        ApplianceEnvironment(state: state, images: images) { [platform] machine in
            let backend = platform(machine)
            return (backend as? any MachinePlanning)?.lookingOnly ?? backend
        }
    }

    /// The appliances of the state directory, by name.
    package func names() throws -> [ApplianceName] {
        try Files.list(state.path).compactMap(ApplianceName.init).filter { Files.exists(state.appliance($0).spec) }
    }
}
