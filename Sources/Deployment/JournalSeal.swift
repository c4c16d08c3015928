internal import ApplianceModel
internal import Basics
internal import Crypto
internal import Glibc
internal import HostSystem
internal import Quoting
internal import SystemPackage
internal import Workflow

/// How far a journal was known to go: a small file beside it, written after each line of it.
///
/// Each line of the journal has a checksum, so that a journal which was cut at a line's end looks like a younger one. This tells them
/// apart. The line is on the disk before the seal is written, so after a crash the seal may know less than the journal, never more. It is
/// written in place and not synchronized: it costs nothing, and one that was torn or lost only means that less is noticed.
struct JournalSeal: Equatable {
    let byteCount: Int
    /// SHA-256 of the last line, without its newline.
    let lastLine: String

    /// Of a journal that has these bytes.
    init(_ bytes: [UInt8]) {
        byteCount = bytes.count
        lastLine = Self.digest(bytes.dropLast().split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).last ?? [])
    }

    /// After a line that ends at `byteCount`.
    init(byteCount: Int, line: ArraySlice<UInt8>) {
        self.byteCount = byteCount
        lastLine = Self.digest(line)
    }

    /// Whether a journal goes at least as far, with the same line at that place.
    func holds(of bytes: [UInt8]) -> Bool {
        guard bytes.count >= byteCount else { return false }
        return JournalSeal(Array(bytes[..<byteCount])) == self
    }

    // MARK: The file

    /// Nil when there is none, or it was torn.
    init?(contentsOf path: FilePath) {
        guard let bytes = try? Files.readIfPresent(path), bytes.count == Self.length else { return nil }
        let words = String(decoding: bytes, as: UTF8.self).split(whereSeparator: \.isWhitespace).map(String.init)
        guard words.count == 4, words[0] == Self.format, let count = Int(words[1]), count >= 0, words[3] == Self.checksum(words[1], words[2]) else {
            return nil
        }
        byteCount = count
        lastLine = words[2]
    }

    /// Writes it in place. That it cannot be written is no error of the journal's.
    func write(to path: FilePath) {
        let options: FileDescriptor.OpenOptions = [.create, .closeOnExec, .noFollow]
        guard let file = try? FileDescriptor.open(path, .writeOnly, options: options, permissions: .ownerReadWrite) else { return }
        defer { try? file.close() }
        _ = try? file.writeAll(toAbsoluteOffset: 0, text.utf8)
    }

    private static let format = "1"
    private var text: String {
        let digits = String(byteCount)
        let count = String(repeating: "0", count: max(0, 12 - digits.count)) + digits
        return "\(Self.format) \(count) \(lastLine) \(Self.checksum(count, lastLine))\n"
    }
    private static let length = 1 + 1 + 12 + 1 + 64 + 1 + 16 + 1

    private static func checksum(_ count: String, _ line: String) -> String { String(digest(Array("\(count) \(line)".utf8)[...]).prefix(16)) }
    private static func digest(_ bytes: ArraySlice<UInt8>) -> String { Array(SHA256.hash(data: bytes)).hexadecimal }
}

/// A journal in the light of what lies beside it: whether it can be the whole of what was written.
struct JournalWitness {
    let directory: ApplianceDirectory

    /// Reads the journal, which another pgkvm may be writing.
    /// - Parameter read: the journal's bytes as they are now.
    /// - Throws: `journal.damaged`, and what `read` throws.
    func bytes(_ read: () throws -> [UInt8]) throws -> [UInt8] {
        var before: String?
        while true {
            // The seal first: what is appended meanwhile makes the journal longer than it says.
            let seal = JournalSeal(contentsOf: directory.journalSeal)
            try checkKind()
            let bytes = try read()
            guard let fault = fault(of: bytes, seal) else { return bytes }
            // A journal that was restarted in the meantime is whole at the second look.
            guard before == fault else {
                before = fault
                continue
            }
            throw Failure(.journalDamaged, fault, remedy: remedy)
        }
    }

    /// - Throws: `journal.damaged` for something that is not a file, such as a link.
    func checkKind() throws {
        guard let status = Files.status(directory.journal, followLinks: false), !status.isRegularFile else { return }
        throw Failure(.journalDamaged, "the journal is not a regular file", remedy: remedy)
    }

    /// Whether it can be seen without reading the journal that it is damaged.
    var isObviouslyDamaged: Bool {
        let seal = JournalSeal(contentsOf: directory.journalSeal)
        guard let status = Files.status(directory.journal, followLinks: false) else { return !evidence(seal).isEmpty }
        return !status.isRegularFile || status.size.bytes < Int64(seal?.byteCount ?? 0) || status.size.bytes == 0 && !evidence(seal).isEmpty
    }

    private func fault(of bytes: [UInt8], _ seal: JournalSeal?) -> String? {
        if bytes.isEmpty {
            let evidence = evidence(seal)
            guard !evidence.isEmpty else { return nil }
            return
                "the journal is \(Files.exists(directory.journal) ? "empty" : "gone"), and there is more of the appliance: \(evidence.joined(separator: ", "))"
        }
        guard let seal, !seal.holds(of: bytes) else { return nil }
        return bytes.count < seal.byteCount
            ? "the journal has \(bytes.count) bytes and had \(seal.byteCount): its end is missing" : "the journal is not the one that was written here"
    }

    /// What only an appliance has whose journal has lines.
    private func evidence(_ seal: JournalSeal?) -> [String] {
        var found: [FilePath] = []
        if let seal, seal.byteCount > 0 { found.append(directory.journalSeal) }
        found.append(directory.card)
        let machine = directory.machine()
        found += [machine.record(MachineDirectory.Record.machine), machine.file(MachineDirectory.Record.machine)]
        found += [MachineDirectory.Name.dataDisk, MachineDirectory.Name.systemDisk].map { machine.file($0) }
        let prefix = directory.path.components.count
        return found.filter { Files.status($0, followLinks: false) != nil }.map { $0.components.dropFirst(prefix).map(\.string).joined(separator: "/") }
    }

    private var remedy: String {
        let name = directory.path.lastComponent?.string ?? ""
        return "restore \(ShellWord.quoted(directory.journal.string)) from a copy, and 'journal.seal' beside it or remove that; without a copy "
            + "'pgkvm stop \(name)' still shuts the guest down and 'pgkvm delete \(name)' removes the appliance with its database"
    }
}
