internal import ApplianceModel
internal import Basics
internal import HostSystem
internal import Quoting
internal import SystemPackage

/// Reads back the root file system of a finished image: owners, setuid bits and file capabilities must be those from the packages,
/// although the build did not run as root.
struct ImageVerification: Sendable {
    /// A file whose owner, mode or capability must be preserved.
    struct Entry: Equatable, Sendable {
        var path: String
        /// Permissions including the setuid, setgid and sticky bits.
        var mode: UInt32
        var owner: UInt32
        var group: UInt32
        /// The extended attribute `security.capability` in hexadecimal digits; nil when there is none.
        var capability: String?
    }

    let entries: [Entry]

    /// Reads the list that the customization wrote: mode, owner, group, capability or `-`, path.
    init(list: String) throws {
        entries = try list.split(at: "\n").map { line in
            let fields = line.split(at: " ", maxSplits: 4).map(String.init)
            guard fields.count == 5, let mode = UInt32(fields[0], radix: 8), let owner = UInt32(fields[1]), let group = UInt32(fields[2]) else {
                throw Failure(.imageVerificationFailed, "the list of what is in the image has the line '\(line)'")
            }
            return Entry(path: fields[4], mode: mode, owner: owner, group: group, capability: fields[3] == "-" ? nil : fields[3])
        }
        let setuid = entries.contains { $0.path == "/usr/bin/sudo" && $0.mode == 0o4755 && $0.owner == 0 }
        guard setuid, entries.contains(where: { $0.owner != 0 }), entries.contains(where: { $0.capability != nil }) else {
            throw Failure(
                .imageVerificationFailed, "the packages were unpacked without their owners, setuid bits or capabilities",
                remedy: "look at how this host restricts user namespaces, or build as root")
        }
    }

    /// The requests for debugfs, two for each entry.
    var requests: String {
        entries.map { "stat \(DebugfsPath($0.path))\nea_get -x \(DebugfsPath($0.path)) security.capability\n" }.joined()
    }

    /// Compares the image with the list.
    /// - Parameter fileSystem: the disk image, with the offset of the file system as debugfs understands it.
    /// - Throws: `image.verification-failed`.
    func check(fileSystem: String) async throws {
        let result = try await ProgramRunner.check("debugfs", ["-f", "-", fileSystem], input: Array(requests.utf8))
        try compare(answers: result.outputText)
    }

    /// Compares debugfs's answers with the list.
    func compare(answers: String) throws {
        let found = Self.parse(answers)
        let wrong = entries.filter { found[$0.path] != $0 }
        guard let first = wrong.first else { return }
        let seen = found[first.path].map { "\($0)" } ?? "nothing"
        throw Failure(
            .imageVerificationFailed, "\(wrong.count) files of the finished image differ from what the packages hold, '\(first.path)' first: read back \(seen)",
            remedy: "build again; if it happens again, this host's mke2fs cannot write such an image")
    }

    /// debugfs repeats each request after its prompt.
    static func parse(_ answers: String) -> [String: Entry] {
        var found: [String: Entry] = [:]
        var entry: Entry?
        for line in answers.split(at: "\n") {
            if line.begins(with: "debugfs: ") {
                if let entry { found[entry.path] = entry }
                let request = line.dropFirst("debugfs: ".count)
                if request.begins(with: "stat ") {
                    entry = Entry(path: DebugfsPath.unquoted(request.dropFirst("stat ".count)), mode: .max, owner: .max, group: .max)
                }
            } else if entry != nil {
                let words = line.split(at: " ").map(String.init)
                if let index = words.firstIndex(of: "Mode:"), entry?.mode == .max, words.count > index + 1 {
                    entry?.mode = UInt32(words[index + 1], radix: 8) ?? .max
                } else if words.first == "User:", words.count >= 4, words[2] == "Group:" {
                    entry?.owner = UInt32(words[1]) ?? .max
                    entry?.group = UInt32(words[3]) ?? .max
                } else if line.begins(with: "security.capability"), let equals = line.unicodeScalars.lastIndex(of: "=") {
                    entry?.capability = String(line[line.unicodeScalars.index(after: equals)...].filter(\.isHexDigit))
                }
            }
        }
        if let entry { found[entry.path] = entry }
        return found
    }

}
