import ApplianceModel
import Basics
import Deployment
import FoundationEssentials
import HostSystem
import MachineBackend
import SpecFile
import SystemPackage
import TestSupport
import Testing
import Workflow

@testable import GuestImage
@testable import Guide

/// A state directory with a fake platform and a directory of its user's, gone when the test is done.
struct GuideScratch {
    let path: FilePath
    let backend = FakeBackend()

    static func with(_ body: (GuideScratch) async throws -> Void) async throws {
        let directory = try Files.createTemporaryDirectory(in: "/tmp", prefix: "pgkvm-guide")
        defer { try? Files.remove(directory) }
        try Files.createDirectory(directory.appending("work"))
        try await body(GuideScratch(path: directory))
    }

    var state: StateDirectory { StateDirectory(path: path.appending("state")) }
    /// Where its user is.
    var work: FilePath { path.appending("work") }

    var environment: ApplianceEnvironment {
        ApplianceEnvironment(state: state, images: ImageCache(directory: path.appending("images")), platform: { [backend] _ in backend })
    }

    var surroundings: Surroundings {
        Surroundings(
            environment: environment,
            cpu: HostCPU(vendor: "GenuineIntel", model: "Test CPU", virtualization: .vtx, hasAES: true, runsUnderHypervisor: false, logicalCPUs: 8),
            workingDirectory: work)
    }

    func name(_ text: String = "orders") throws -> ApplianceName { try #require(ApplianceName(text)) }

    func directory(_ text: String = "orders") throws -> GuideDirectory { GuideDirectory(state, try name(text)) }

    func situation(_ spec: ApplianceSpec) async throws -> Situation { try await surroundings.situation(spec) }

    /// Guides somebody who answers by a script, which must be asked to its end.
    @discardableResult
    func guide(
        _ script: [(String, ScriptedTerminal.Answer)], to target: GuideTarget? = nil, rows: Int? = nil, isPlain: Bool = false,
        sourceLocation: SourceLocation = #_sourceLocation
    ) async throws -> (end: GuideEnd, terminal: ScriptedTerminal) {
        let terminal = ScriptedTerminal(script, rows: rows, isPlain: isPlain)
        let target = try target ?? .name(name())
        let guide = Guide(surroundings, terminal: terminal, sink: Silence())
        // A task of its own: Ctrl-C cancels it.
        let end = try await Task { try await guide.run(target) }.value
        #expect(terminal.rest == [], "not asked; so far:\n\(terminal.transcript)", sourceLocation: sourceLocation)
        return (end, terminal)
    }

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
}

private struct Silence: EventSink {
    func receive(_ event: WorkflowEvent) {}
}

/// Parts of scripts that many tests share.
enum Script {
    typealias Part = [(String, ScriptedTerminal.Answer)]

    static let host: Part = [("Go on", "")]
    static let disk: Part = [("Data disk", ""), ("System disk", "")]
    static let cpu: Part = [("vCPUs", ""), ("Memory", ""), ("Accelerator", "")]
    static let network: Part = [("PostgreSQL's port", ""), ("SSH port", ""), ("Guest's address", "")]
    static let image: Part = [("Image", "")]
    static let postgresql: Part = [("Profile", ""), ("Packages from", ""), ("Version", ""), ("Time zone", ""), ("Database and its owner", "")]
    /// Enter at every question.
    static let all: Part = host + disk + cpu + network + image + postgresql
    static let save: Part = [("Begin", "w"), ("Store the spec file as", "")]
    static let stop: Part = [("Begin", "q")]
}

extension GuideEnd {
    /// In a word.
    var word: String {
        switch self {
        case .deployed: "deployed"
        case .saved: "saved"
        case .unchanged: "unchanged"
        case .stopped: "stopped"
        case .interrupted: "interrupted"
        case .failed: "failed"
        }
    }
}
