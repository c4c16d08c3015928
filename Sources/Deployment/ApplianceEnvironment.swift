package import ApplianceModel
package import GuestImage
internal import HostSystem
package import MachineBackend

/// Where appliances and images live, and the platform that runs them: made once, by the executable.
package struct ApplianceEnvironment: Sendable {
    package let state: StateDirectory
    package let images: ImageCache
    package let backend: any MachineBackend

    package init(state: StateDirectory, images: ImageCache, backend: any MachineBackend) {
        self.state = state
        self.images = images
        self.backend = backend
    }

    /// The appliances of the state directory, by name.
    package func names() throws -> [ApplianceName] {
        try Files.list(state.path).compactMap(ApplianceName.init).filter { Files.exists(state.appliance($0).spec) }
    }
}
