internal import ApplianceModel
internal import Basics
internal import GuestImage
internal import MachineBackend
internal import SpecFile

/// Reasons why a guest cannot get its image, found before anything is created.
enum ImageFindings {
    /// The findings for a plan: why the image cannot be built, or what its server cannot do of the spec. A machine that exists already has its image.
    /// - Throws: `catalogue.unreadable`, `format.newer`, `image.damaged`.
    static func all(_ spec: ApplianceSpec, machine: MachineReference?, image: CachedImage?, _ images: ImageCache, _ places: SpecPlaces) async throws
        -> [Finding]
    {
        guard machine == nil else { return [] }
        if let image { return try CatalogueFindings(spec, image: image, images: images, places: places).findings }
        switch spec.machine.image {
        case .release(let release): return await images.obstacles(to: release).map(finding(of:))
        case .cached: return [finding(of: try missing(spec.machine.image, images))]
        }
    }

    /// The findings of `doctor` about the image that a spec takes by default.
    static func ofHost(_ images: ImageCache) async throws -> [Finding] {
        let choice = ApplianceSpec.Machine().image
        guard case .release(let release) = choice else { return [] }
        func good(_ measured: String) -> Finding { Finding(check: "host.image", level: .pass, measured: measured, expected: expected) }
        if try await images.find(choice) != nil { return [good("the image '\(choice)' is in the cache")] }
        let obstacles = await images.obstacles(to: release)
        return obstacles.isEmpty ? [good("the image '\(choice)' is not in the cache, and can be built")] : obstacles.map(finding(of:))
    }

    /// Checks a spec against the server of an image in the cache, before anything of a new appliance is stored. An appliance that has its machine is
    /// judged by its own server. A build does its own checks before it creates anything.
    /// - Throws: `spec.invalid`, and the errors of `all`.
    static func check(_ spec: ApplianceSpec, in environment: ApplianceEnvironment, places: SpecPlaces = SpecPlaces()) async throws {
        guard let image = try await environment.images.find(spec.machine.image),
            try await PresentAppliance.find(spec, in: environment.lookingOnly).machine == nil
        else { return }
        try CatalogueFindings.check(spec, image: image, images: environment.images, places: places)
    }

    /// The failure for an image that can only be imported.
    static func missing(_ choice: ImageChoice, _ images: ImageCache) throws -> Failure {
        let known = try images.list().map(\.name) + DebianRelease.allCases.map(\.rawValue)
        return Failure(
            .imageMissing, "there is no image '\(choice)' in the cache\(Suggestion.text(for: choice.description, among: known))",
            remedy: "pgkvm image list; pgkvm image import FILE-OR-URL --checksum sha256:…")
    }

    private static let expected = "an image in the cache, or all that building it needs"

    private static func finding(of failure: Failure) -> Finding {
        Finding(check: "host.image", level: .fail, measured: failure.message, expected: expected, remedy: failure.remedy)
    }
}
