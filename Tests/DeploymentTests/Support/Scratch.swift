import ApplianceModel
import Basics
import FoundationEssentials
import HostSystem
import MachineBackend
import SystemPackage
import TestSupport
import Testing
import Workflow

@testable import Deployment
@testable import GuestImage

/// A state directory with a fake platform, gone when the test is done.
struct Scratch {
    let path: FilePath
    let backend = FakeBackend()
    let guest = ScriptedGuest()

    static func with(_ body: (Scratch) async throws -> Void) async throws {
        let directory = try Files.createTemporaryDirectory(in: "/tmp", prefix: "pgkvm-deployment")
        defer { try? Files.remove(directory) }
        try await body(Scratch(path: directory))
    }

    var state: StateDirectory { StateDirectory(path: path.appending("state")) }

    var environment: ApplianceEnvironment {
        ApplianceEnvironment(
            state: state, images: ImageCache(directory: path.appending("images")), openGuest: { [guest] _, _ in guest }, platform: { [backend] _ in backend })
    }

    /// A spec that asks for the image of `addImage`.
    func spec(_ name: String = "db") throws -> ApplianceSpec {
        var spec = ApplianceSpec(name: try #require(ApplianceName(name)))
        spec.machine.image = .cached("tiny")
        return spec
    }

    func directory(_ name: String = "db") throws -> ApplianceDirectory { state.appliance(try #require(ApplianceName(name))) }

    /// Puts an image into the cache whose disk is empty.
    func addImage() throws {
        let image = CachedImage(
            formatVersion: CachedImage.currentFormat, key: String(repeating: "a", count: 64), name: "tiny", origin: .imported("/x"), format: .raw,
            firmware: .bios, virtualSize: .mebibytes(1), postgresqlVersion: nil, created: "2026-01-01T00:00:00Z")
        let place = environment.images.path(image.key)
        try Files.createDirectory(place)
        try Files.write("", to: environment.images.diskPath(image))
        try Files.write(Array(JSONEncoder().encode(image)), to: place.appending("image.json"))
    }

    func deploy(_ spec: ApplianceSpec, onError: OnError = .keep, mayRestart: Bool = false) async throws -> (Appliance, RunOutcome) {
        let deployer = Deployer(
            environment: environment, gate: UnattendedGate(onError: onError), sink: Silence(), leave: Leave(restart: { _ in mayRestart }))
        return try await deployer.deploy(spec)
    }

    /// An appliance on disk, made by a deployment whose first step failed.
    func half(_ name: String = "db") async throws {
        backend.fail("checkHost", with: Failure(.unsupported, "no such luck"))
        _ = try await deploy(spec(name))
        backend.fail("checkHost", with: nil)
    }

    /// An appliance on disk whose machine exists and cannot be started.
    func withMachine(_ name: String = "db") async throws -> Appliance {
        try addImage()
        backend.fail("start", with: Failure(.unsupported, "it will not start"))
        let (appliance, outcome) = try await deploy(spec(name))
        guard case .failed(let step, let error) = outcome.result else { throw Failure(.unsupported, "the deployment was to fail: \(outcome.result)") }
        #expect(step.rawValue == "boot-guest", "\(error)")
        return appliance
    }
}

extension Scratch {
    /// What a step is given, after the decisions of the first steps.
    /// - Parameter release: of the image's PostgreSQL packages; nil is an imported image.
    func context(_ spec: ApplianceSpec? = nil, release: DebianRelease? = nil) async throws -> DeploymentContext {
        let spec = try spec ?? self.spec()
        try Files.createDirectory(directory().path)
        let context = try Appliance(writing: spec, environment: environment).context
        try await context.journal.record(DeploymentFact(id: DeploymentID("0123456789abcdef0123456789abcdef")))
        try await context.journal.record(CPUFact(decision: CPUDecision(accelerator: .tcg, vcpus: 2, memory: .gibibytes(1))))
        try await context.journal.record(
            DiskFact(decision: DiskDecision(cacheDirect: true, aio: .native, ioThread: true, fileSystem: "ext4"), findings: []))
        try await context.journal.record(
            NetworkFact(decision: NetworkDecision(mode: .user, macAddress: "52:54:00:12:34:56", sshPort: 2222, postgresqlPort: 5433)))
        let image = BaseImage(path: "/nonexistent", key: "none", format: .qcow2, firmware: .uefi)
        try await context.journal.record(ImageFact(name: "tiny", image: image, release: release))
        return context
    }

    /// The same with a machine that runs, reached with a key that is pinned.
    func contextWithMachine(_ spec: ApplianceSpec? = nil, release: DebianRelease? = nil) async throws -> DeploymentContext {
        let context = try await context(spec, release: release)
        try await CreateMachineStep().perform(context)
        return context
    }
}

private struct Silence: EventSink {
    func receive(_ event: WorkflowEvent) {}
}

extension RunOutcome {
    /// The step that failed and its error.
    var failure: (step: String, error: Failure?)? {
        if case .failed(let step, let error) = result { (step.rawValue, error as? Failure) } else { nil }
    }
}

extension StepStatus {
    var isSatisfied: Bool { if case .satisfied = self { true } else { false } }
}
