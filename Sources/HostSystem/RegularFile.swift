internal import ApplianceModel
internal import Basics
internal import Glibc
internal import Quoting
package import SystemPackage

/// A regular file that was opened without following a link in its last component, and without blocking.
///
/// In a directory to which another user can write, a name may refer to a link, a pipe or a device, and to something else a moment later. So the
/// file is opened once, the opened file is examined, and every operation uses it.
package struct RegularFile: ~Copyable {
    /// The status when the file was opened.
    package let status: FileStatus
    private let descriptor: FileDescriptor
    /// The path, for messages.
    private let path: FilePath

    /// - Returns: nil when there is none.
    /// - Throws: `file.unreadable`, also for anything that is not a regular file.
    package static func open(_ path: FilePath, forWriting: Bool = false) throws -> RegularFile? {
        try RegularFile(unsafe Glibc.open(path.string, flags(forWriting)), path)
    }

    /// - Parameter name: a single name, without a slash.
    static func open(_ name: String, in directory: Int32, path: FilePath, forWriting: Bool) throws -> RegularFile? {
        try RegularFile(unsafe openat(directory, name, flags(forWriting)), path)
    }

    private static func flags(_ forWriting: Bool) -> Int32 {
        (forWriting ? O_RDWR | O_APPEND : O_RDONLY) | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC
    }

    /// - Parameter raw: the result of `open`, with `errno` unchanged since.
    private init?(_ raw: Int32, _ path: FilePath) throws {
        let code = Errno(rawValue: errno)
        guard raw >= 0 else {
            switch code {
            case .noSuchFileOrDirectory: return nil
            // A link, a socket, and a directory or a pipe that was opened for writing.
            case .tooManySymbolicLinkLevels, .noSuchAddressOrDevice, .isDirectory: throw Self.notRegular(path)
            default: throw Failure(.fileUnreadable, "cannot read '\(path)'", cause: code)
            }
        }
        var found = stat()
        let isKnown = unsafe fstat(raw, &found) == 0
        guard isKnown, FileStatus(found).isRegularFile else {
            close(raw)
            throw Self.notRegular(path)
        }
        status = FileStatus(found)
        descriptor = FileDescriptor(rawValue: raw)
        self.path = path
    }

    deinit { try? descriptor.close() }

    private static func notRegular(_ path: FilePath) -> Failure {
        Failure(
            .fileUnreadable, "'\(path)' is not a regular file, and nothing of it was read",
            remedy: "look what was put there: ls -ld \(ShellWord.quoted(path.string))")
    }

    /// Reads the whole file.
    /// - Parameter limit: the maximum size of the file, in bytes.
    /// - Throws: `file.unreadable`, also for a file that is larger.
    package borrowing func read(atMost limit: Int) throws -> [UInt8] {
        let bytes = status.size.bytes <= Int64(limit) ? try read(from: 0, limit: limit + 1) : nil
        guard let bytes, bytes.count <= limit else {
            throw Failure(
                .fileUnreadable, "'\(path)' is too large: it can have \(limit) bytes at most",
                remedy: "look what was put there: ls -ld \(ShellWord.quoted(path.string))")
        }
        return bytes
    }

    /// Reads a part, up to `limit` bytes; fewer at the end of the file.
    /// - Throws: `file.unreadable`.
    package borrowing func read(from offset: Int64, limit: Int) throws -> [UInt8] {
        do {
            var bytes: [UInt8] = []
            var chunk = [UInt8](repeating: 0, count: min(limit, 65_536))
            while bytes.count < limit {
                let count = try unsafe chunk.withUnsafeMutableBytes {
                    try unsafe descriptor.read(fromAbsoluteOffset: offset + Int64(bytes.count), into: $0)
                }
                if count == 0 { break }
                bytes.append(contentsOf: chunk[..<min(count, limit - bytes.count)])
            }
            return bytes
        } catch let error as Errno {
            throw Failure(.fileUnreadable, "cannot read '\(path)'", cause: error)
        }
    }

    /// Reads the last bytes.
    /// - Throws: `file.unreadable`.
    package borrowing func readEnd(_ count: Int) throws -> [UInt8] { try read(from: max(0, status.size.bytes - Int64(count)), limit: count) }

    /// Cuts the file down to its end, while others may be appending to it. What they append meanwhile may be lost.
    /// - Throws: `file.unwritable`, `file.unreadable`.
    package borrowing func keepEnd(_ count: Int) throws {
        guard status.size.bytes > Int64(count) else { return }
        let end = try readEnd(count)
        do {
            guard ftruncate(descriptor.rawValue, 0) == 0 else { throw Errno(rawValue: errno) }
            try descriptor.writeAll(end)
        } catch let error as Errno {
            throw Failure(.fileUnwritable, "cannot cut '\(path)'", cause: error)
        }
    }

    /// Gives the file to a user. A file with a second name is refused: it may belong to another user.
    /// - Throws: `file.unwritable`.
    package borrowing func give(user: UInt32, group: UInt32) throws {
        guard status.links == 1 else { throw Failure(.fileUnwritable, "'\(path)' has \(status.links) names, and is given to nobody") }
        guard fchown(descriptor.rawValue, user, group) == 0 else {
            throw Failure(.fileUnwritable, "cannot give '\(path)' to the user \(user)", cause: Errno(rawValue: errno))
        }
    }
}
