package import ApplianceModel
internal import Basics
internal import Glibc
internal import HostSystem
internal import Quoting
internal import Synchronization
internal import SystemPackage
internal import Workflow

/// A journal in a file of mode 0600. Each line is on the disk before the next action.
///
/// The writer holds the lock of the appliance. A process that only reads takes `JournalContents` from the file's bytes.
package final class FileJournalStorage: JournalStorage {
    private struct State {
        var byteCount: Int64
        /// Set if the file may hold data that was never confirmed. Anything written after it could not be read.
        var isBroken = false
    }

    private let path: FilePath
    private let witness: JournalWitness
    private let file: FileDescriptor
    private let state: Mutex<State>

    /// Opens the journal of an appliance, or creates it. Its directory must exist.
    /// - Throws: `file.unwritable`; `journal.damaged` for something that is not a file.
    package init(_ directory: ApplianceDirectory) throws {
        path = directory.journal
        witness = JournalWitness(directory: directory)
        try witness.checkKind()
        do {
            let file = try FileDescriptor.open(
                path, .readWrite, options: [.append, .create, .closeOnExec, .noFollow], permissions: .ownerReadWrite)
            do {
                // This is needed for an existing file too: the process that created it may have died before the name was durable.
                try Files.synchronize(path.removingLastComponent())
                state = Mutex(State(byteCount: try file.seek(offset: 0, from: .end)))
            } catch {
                try? file.close()
                throw error
            }
            self.file = file
        } catch {
            throw Failure(.fileUnwritable, "cannot open the journal '\(path)'", cause: error)
        }
    }

    deinit { try? file.close() }

    /// - Throws: `journal.damaged` if the files beside it show that there was more; `file.unreadable`.
    package func readAll() throws -> [UInt8] { try witness.bytes(read) }

    private func read() throws -> [UInt8] {
        do {
            var bytes: [UInt8] = []
            var chunk = [UInt8](repeating: 0, count: 65_536)
            while true {
                let count = try chunk.withUnsafeMutableBytes { try file.read(fromAbsoluteOffset: Int64(bytes.count), into: $0) }
                if count == 0 { return bytes }
                bytes.append(contentsOf: chunk[..<count])
            }
        } catch {
            throw Failure(.fileUnreadable, "cannot read the journal '\(path)'", cause: error)
        }
    }

    /// - Throws: `file.unwritable`; the file is then as it was before.
    package func append(_ line: [UInt8]) throws {
        try state.withLock { state in
            guard !state.isBroken else {
                throw Failure(
                    .fileUnwritable, "the journal '\(path)' takes no more entries since an entry before could neither be written nor taken back",
                    remedy: "look at the disk, then run the same command again")
            }
            do {
                try file.writeAll(line)
            } catch {
                state.isBroken = !canCut(to: state.byteCount)
                throw unwritable(error)
            }
            do {
                try synchronize()
            } catch {
                // After a failed fdatasync, the kernel may have dropped the pages and forgotten the error, so no later fdatasync can be trusted.
                state.isBroken = true
                _ = canCut(to: state.byteCount)
                throw unwritable(error)
            }
            state.byteCount += Int64(line.count)
            JournalSeal(byteCount: Int(state.byteCount), line: line.dropLast()).write(to: witness.directory.journalSeal)
        }
    }

    /// - Throws: `file.unwritable`.
    package func truncate(toByteCount count: Int) throws {
        try state.withLock { state in
            do {
                try cut(to: Int64(count))
            } catch {
                throw unwritable(error)
            }
            state.byteCount = Int64(count)
        }
    }

    private func cut(to byteCount: Int64) throws {
        try file.resize(to: byteCount)
        try synchronize()
    }

    private func canCut(to byteCount: Int64) -> Bool { (try? cut(to: byteCount)) != nil }

    private func synchronize() throws {
        guard fdatasync(file.rawValue) == 0 else { throw Errno(rawValue: errno) }
    }

    private func unwritable(_ error: any Error) -> Failure {
        let isFull = [Errno.noSpace, .diskQuotaExceeded].contains { $0 == error as? Errno }
        return Failure(
            .fileUnwritable, "cannot write the journal '\(path)'",
            remedy: isFull ? "free space on the file system of \(ShellWord.quoted(path.removingLastComponent().string))" : nil, cause: error)
    }
}
