internal import ApplianceModel
internal import Basics
internal import HostSystem
internal import SystemPackage
internal import Workflow

/// The journal as it is, for commands that only look: another pgkvm may be writing it.
struct JournalSnapshot: JournalStorage {
    let directory: ApplianceDirectory
    private var path: FilePath { directory.journal }

    /// A journal of ten thousand runs has a few megabytes.
    private static let limit = 64 << 20

    /// - Throws: `journal.damaged` where what lies beside it says that there was more; `file.unreadable`.
    func readAll() throws -> [UInt8] {
        try JournalWitness(directory: directory).bytes { try Files.readRegularIfPresent(path, atMost: Self.limit) ?? [] }
    }

    func append(_ line: [UInt8]) throws {
        throw Failure(.fileUnwritable, "the journal '\(path)' was opened for reading")
    }

    /// A line that is not complete is not complete yet; its writer finishes it.
    func truncate(toByteCount count: Int) {}
}
