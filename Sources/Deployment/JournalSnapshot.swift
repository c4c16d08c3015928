internal import ApplianceModel
internal import Basics
internal import HostSystem
internal import SystemPackage
internal import Workflow

/// The current journal, for read-only commands. Another pgkvm may be writing it.
struct JournalSnapshot: JournalStorage {
    let directory: ApplianceDirectory
    private var path: FilePath { directory.journal }

    /// A journal of ten thousand runs has a few megabytes.
    private static let limit = 64 << 20

    /// - Throws: `journal.damaged` if the files beside it show that there was more; `file.unreadable`.
    func readAll() throws -> [UInt8] {
        try JournalWitness(directory: directory).bytes { try Files.readRegularIfPresent(path, atMost: Self.limit) ?? [] }
    }

    func append(_ line: [UInt8]) throws {
        throw Failure(.fileUnwritable, "the journal '\(path)' was opened for reading")
    }

    /// An incomplete line is left as it is, because its writer may still complete it.
    func truncate(toByteCount count: Int) {}
}
