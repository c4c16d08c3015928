internal import ApplianceModel
internal import Basics
internal import Crypto
internal import Glibc
internal import HostSystem
internal import Quoting
internal import SystemPackage
internal import Workflow

/// Records how far a journal is known to extend: a small file beside the journal, written after each of its lines.
///
/// Each line of the journal has a checksum, so a journal that was cut at the end of a line looks like a complete, younger one. The seal makes the
/// difference visible. The line is on the disk before the seal is written, so after a crash the seal may know less than the journal, never more. The
/// seal is written in place and not synchronized. This costs nothing, and if the seal is torn or lost, the only effect is that less damage is
/// noticed.
struct JournalSeal: Equatable {
    let byteCount: Int
    /// SHA-256 of the last line, without its newline.
    let lastLine: String

    /// The seal of a journal that has these bytes.
    init(_ bytes: [UInt8]) {
        byteCount = bytes.count
        lastLine = Self.digest(bytes.dropLast().split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).last ?? [])
    }

    /// The seal after a line that ends at `byteCount`.
    init(byteCount: Int, line: ArraySlice<UInt8>) {
        self.byteCount = byteCount
        lastLine = Self.digest(line)
    }

    /// Whether a journal extends at least this far, with the same line at that place.
    func holds(of bytes: [UInt8]) -> Bool {
        guard bytes.count >= byteCount else { return false }
        return JournalSeal(Array(bytes[..<byteCount])) == self
    }

    // MARK: The file

    /// Nil if the file is missing or torn.
    init?(contentsOf path: FilePath) {
        guard let bytes = try? Files.readIfPresent(path), bytes.count == Self.length else { return nil }
        let words = String(decoding: bytes, as: UTF8.self).split(whereSeparator: \.isWhitespace).map(String.init)
        guard words.count == 4, words[0] == Self.format, let count = Int(words[1]), count >= 0, words[3] == Self.checksum(words[1], words[2]) else {
            return nil
        }
        byteCount = count
        lastLine = words[2]
    }

    /// Writes the seal in place. A failure to write it is not an error of the journal.
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

/// Checks a journal against the files beside it: whether it can be everything that was written.
struct JournalWitness {
    let directory: ApplianceDirectory

    /// Reads the journal, which another pgkvm may be writing.
    /// - Parameter read: returns the journal's current bytes.
    /// - Throws: `journal.damaged`, and the errors of `read`.
    func bytes(_ read: () throws -> [UInt8]) throws -> [UInt8] {
        var before: String?
        while true {
            // The seal is read first: lines that are appended meanwhile make the journal longer than the seal says.
            let seal = JournalSeal(contentsOf: directory.journalSeal)
            try checkKind()
            let bytes = try read()
            guard let fault = fault(of: bytes, seal) else { return bytes }
            // A journal that was restarted meanwhile is whole at the second check.
            guard before == fault else {
                before = fault
                continue
            }
            throw Failure(.journalDamaged, fault, remedy: remedy)
        }
    }

    /// - Throws: `journal.damaged` if it is not a regular file, for example a link.
    func checkKind() throws {
        guard let status = Files.status(directory.journal, followLinks: false), !status.isRegularFile else { return }
        throw Failure(.journalDamaged, "the journal is not a regular file", remedy: remedy)
    }

    /// Whether the damage is visible without reading the journal.
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

    /// Files that only an appliance whose journal has lines has.
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
