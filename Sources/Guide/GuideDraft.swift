package import ApplianceModel
internal import Basics
internal import Deployment
internal import FoundationEssentials
internal import HostSystem
internal import SpecFile
package import SystemPackage

/// The answers of an unfinished guide, stored on disk after each answer: the spec as a file, and a note of the current stop.
package struct GuideDraft: Sendable, Equatable {
    static let currentFormat = 1

    package var spec: ApplianceSpec
    /// Where the next guide resumes.
    package var stop: StopID
    /// The spec file that supplied the initial answers.
    package var source: FilePath?
    /// Where the spec was stored for the user.
    package var saved: FilePath?

    package init(spec: ApplianceSpec, stop: StopID = .host, source: FilePath? = nil, saved: FilePath? = nil) {
        self.spec = spec
        self.stop = stop
        self.source = source
        self.saved = saved
    }

    /// What is on disk beside the spec.
    private struct Note: Codable {
        var formatVersion = GuideDraft.currentFormat
        let stop: String
        let source: String?
        let saved: String?
    }

    /// The draft of an appliance; nil if there is none.
    /// - Throws: `format.newer`, `spec.invalid`.
    package static func load(_ place: GuideDirectory) throws -> GuideDraft? {
        guard let bytes = try Files.readIfPresent(place.spec) else { return nil }
        var draft = GuideDraft(spec: try SpecFile.parse(bytes, file: place.spec.string))
        guard let note = try Files.readIfPresent(place.note) else { return draft }
        do {
            let data = Data(note)
            struct Version: Decodable { let formatVersion: Int }
            try FormatVersion.check(JSONDecoder().decode(Version.self, from: data).formatVersion, supported: currentFormat, file: place.note.string)
            let known = try JSONDecoder().decode(Note.self, from: data)
            draft.stop = StopID(rawValue: known.stop) ?? .host
            draft.source = known.source.map { FilePath($0) }
            draft.saved = known.saved.map { FilePath($0) }
        } catch is DecodingError {
            // The answers matter most; a damaged note only loses the place.
        }
        return draft
    }

    /// Replaces the draft on disk.
    package func save(in place: GuideDirectory) throws {
        try Files.createDirectory(place.path)
        try Files.write(text, to: place.spec)
        let note = Note(stop: stop.rawValue, source: source?.string, saved: saved?.string)
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
        try Files.write(Array(encoder.encode(note)) + [UInt8(ascii: "\n")], to: place.note)
    }

    /// The spec as a file: every value written out, with a description.
    package var text: String {
        SpecFile.renderCommented(
            spec,
            head: [
                "The spec of the appliance '\(spec.name)', as 'pgkvm guide' wrote it: every value, with what it is. The same again, without questions:",
                "  pgkvm deploy THIS-FILE",
            ])
    }
}

/// The directory of a draft, below the state directory. An appliance cannot have its name.
package struct GuideDirectory: Sendable, Equatable {
    package let path: FilePath

    package init(_ state: StateDirectory, _ name: ApplianceName) { path = state.guides.appending(name.rawValue) }

    package var spec: FilePath { path.appending("spec.yaml") }
    package var note: FilePath { path.appending("guide.json") }
    package var lock: FilePath { path.appending("lock") }
}
