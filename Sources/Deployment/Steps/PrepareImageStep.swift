internal import ApplianceModel
package import Basics
internal import GuestImage
internal import MachineBackend
internal import SystemPackage
internal import Workflow

/// Finds the base image, or builds the one of a Debian release.
struct PrepareImageStep: Step {
    let id = StepID(rawValue: "prepare-image")
    let title = "Prepare the base image"

    func explanation(_ context: DeploymentContext) -> StepExplanation {
        StepExplanation(
            what: "takes the image '\(context.spec.machine.image)' from the cache, and builds it with mmdebstrap when it is not there",
            why: "the packages come from the mirror that this host trusts, and installing the database later needs no network",
            byHand: ["pgkvm image build \(context.spec.machine.image)", "pgkvm image list"])
    }

    func inspect(_ context: DeploymentContext) async throws -> StepStatus {
        guard let fact = try await context.journal.fact(ImageFact.self) else { return .pending }
        if try await context.journal.fact(MachineFact.self) != nil { return .satisfied("the machine has its copy of '\(fact.name)'") }
        guard let found = try await context.images.find(context.spec.machine.image), found.key == fact.image.key else { return .pending }
        return .satisfied("'\(fact.name)' is in the cache")
    }

    func perform(_ context: DeploymentContext) async throws {
        let image = try await found(context)
        try CatalogueFindings.check(context.spec, image: image, images: context.images, places: context.places)
        let release: DebianRelease? = if case .built(let release) = image.origin { release } else { nil }
        try await context.journal.record(
            ImageFact(
                name: image.name,
                image: BaseImage(
                    path: context.images.diskPath(image).string, key: image.key, format: image.format == .raw ? .raw : .qcow2,
                    firmware: image.firmware == .uefi ? .uefi : .bios),
                release: release))
    }

    private func found(_ context: DeploymentContext) async throws -> CachedImage {
        let choice = context.spec.machine.image
        if let image = try await context.images.find(choice) { return image }
        guard case .release(let release) = choice else {
            throw try ImageFindings.missing(choice, context.images)
        }
        return try await context.images.build(release, rebuild: false) {
            StepProgress.report($0.text, bytes: $0.bytes, of: $0.totalBytes)
        }
    }

    /// The image stays: it is in a cache, and another appliance may use it.
    func revert(_ context: DeploymentContext) async throws { try await context.journal.forget(ImageFact.self) }
}

extension Failure.Code {
    package static let imageMissing = Failure.Code("image.missing")
}
