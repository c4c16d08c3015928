package import ApplianceModel
package import Basics
package import GuestImage
package import MachineBackend
package import SpecFile
package import Workflow

/// What the steps of a deployment share. Facts are passed through the journal. The only live resource here is the SSH session, which opens itself
/// again whenever it is needed. The record of units with a head start only saves work.
package struct DeploymentContext: Sendable {
    package let spec: ApplianceSpec
    package let directory: ApplianceDirectory
    package let backend: any MachineBackend
    package let images: ImageCache
    package let journal: Journal
    package let guest: any GuestAccess
    private let openGuest: GuestOpening
    let headStarts = HeadStarts()
    let leave: Leave
    /// Where the keys of the spec are in its file.
    let places: SpecPlaces
    let judgements = Judgements()
    /// How long the guest may print nothing before it counts as stuck.
    package let bootPatience: Duration

    package init(
        spec: ApplianceSpec, directory: ApplianceDirectory, backend: any MachineBackend, images: ImageCache, journal: Journal,
        bootPatience: Duration = .seconds(300), leave: Leave = Leave(), places: SpecPlaces = SpecPlaces(),
        openGuest: @escaping GuestOpening = GuestSession.opening
    ) {
        self.spec = spec
        self.leave = leave
        self.places = places
        self.directory = directory
        self.backend = backend
        self.images = images
        self.journal = journal
        self.bootPatience = bootPatience
        self.openGuest = openGuest
        guest = openGuest(directory) {
            guard let machine = try await journal.fact(MachineFact.self)?.reference else {
                throw Failure(.machineNotFound, "the machine of '\(spec.name)' is not there yet")
            }
            return try await Self.endpoint(of: .ssh, machine, backend, spec.name)
        }
    }

    /// The same deployment with another spec. It shares the journal but has its own connection.
    func replacing(spec: ApplianceSpec) -> DeploymentContext {
        DeploymentContext(
            spec: spec, directory: directory, backend: backend, images: images, journal: journal, bootPatience: bootPatience, leave: leave,
            openGuest: openGuest)
    }

    /// A fact that an earlier step recorded.
    /// - Throws: `deployment.fact-missing` when the order of the steps was not kept.
    package func require<F: Fact>(_ type: F.Type) async throws -> F {
        guard let fact = try await journal.fact(type) else {
            throw Failure(.factMissing, "the journal of '\(spec.name)' has no '\(F.key)'", remedy: "pgkvm deploy \(spec.name)")
        }
        return fact
    }

    /// The machine, once `create-machine` is done.
    package func machine() async throws -> MachineReference { try await require(MachineFact.self).reference }

    package func deploymentID() async throws -> DeploymentID { try await require(DeploymentFact.self).id }

    /// The major version of PostgreSQL: the spec's, or else the distribution's. For an imported image, the guest is asked for its distribution.
    package func postgresqlVersion() async throws -> Int {
        if let version = spec.postgresql.version { return version }
        if let version = try await journal.fact(PackagesFact.self)?.version { return version }
        if let release = try await journal.fact(ImageFact.self)?.release { return release.postgresqlVersion }
        return try await Distribution.postgresqlVersion(in: guest)
    }

    /// Where the machine goes; nil if nothing was decided yet, and on a platform with only one place.
    func decidedPlace() async throws -> MachinePlace? {
        if let place = try await journal.fact(DiskFact.self)?.decision.place { return place }
        return try await journal.fact(HostFact.self)?.report.place
    }

    /// The current endpoint of PostgreSQL, for libpq.
    package func postgresqlEndpoint() async throws -> Endpoint { try await Self.endpoint(of: .postgresql, machine(), backend, spec.name) }

    /// The current endpoint of SSH.
    package func shellEndpoint() async throws -> Endpoint { try await Self.endpoint(of: .ssh, machine(), backend, spec.name) }

    private static func endpoint(
        of service: GuestService, _ machine: MachineReference, _ backend: any MachineBackend, _ name: ApplianceName
    ) async throws -> Endpoint {
        guard let endpoint = try await backend.endpoint(of: machine, service: service) else {
            throw Failure(
                .guestNoAddress, "the guest of '\(name)' has told no address: it is off or booting, or nobody answers it by DHCP",
                remedy: "pgkvm status \(name); pgkvm logs \(name) --serial")
        }
        return endpoint
    }
}

extension Failure.Code {
    package static let guestNoAddress = Failure.Code("guest.no-address")
    package static let factMissing = Failure.Code("deployment.fact-missing")
}
