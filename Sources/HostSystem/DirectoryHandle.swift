internal import ApplianceModel
internal import Basics
internal import Glibc
package import SystemPackage

/// An open directory whose entries are accessed through its descriptor: for a directory in which another user may add, remove and replace
/// entries at any moment. No link in it is followed, and the handle keeps referring to the opened directory even if its name changes.
///
/// Each `name` is a single name, without a slash.
package final class DirectoryHandle: Sendable {
    private let descriptor: FileDescriptor
    /// The path with which it was opened, for messages.
    package let path: FilePath

    /// - Returns: nil when there is no such directory.
    /// - Throws: `file.unreadable`, also for anything that is not a directory, such as a link to one.
    package static func open(_ path: FilePath) throws -> DirectoryHandle? {
        let raw = unsafe Glibc.open(path.string, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
        if raw >= 0 { return DirectoryHandle(FileDescriptor(rawValue: raw), path) }
        let code = Errno(rawValue: errno)
        if code == .noSuchFileOrDirectory { return nil }
        throw Failure(.fileUnreadable, "cannot open the directory '\(path)'", cause: code)
    }

    private init(_ descriptor: FileDescriptor, _ path: FilePath) {
        self.descriptor = descriptor
        self.path = path
    }

    deinit { try? descriptor.close() }

    /// The status of the directory itself.
    /// - Throws: `file.unreadable`.
    package func status() throws -> FileStatus {
        var raw = stat()
        guard unsafe fstat(descriptor.rawValue, &raw) == 0 else {
            throw Failure(.fileUnreadable, "cannot examine '\(path)'", cause: Errno(rawValue: errno))
        }
        return FileStatus(raw)
    }

    /// The status of an entry, for a link the link's own; nil when there is none.
    package func status(_ name: String) -> FileStatus? {
        var raw = stat()
        return unsafe fstatat(descriptor.rawValue, name, &raw, AT_SYMLINK_NOFOLLOW) == 0 ? FileStatus(raw) : nil
    }

    /// Opens a regular file; nil when there is none.
    /// - Throws: `file.unreadable`, also for anything else with that name.
    package func file(_ name: String, forWriting: Bool = false) throws -> RegularFile? {
        try RegularFile.open(name, in: descriptor.rawValue, path: path.appending(name), forWriting: forWriting)
    }

    /// Whether a process holds a lock (`flock`) on a regular file with this name.
    package func isLocked(_ name: String) -> Bool {
        let file = unsafe openat(descriptor.rawValue, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)
        guard file >= 0 else { return false }
        defer { close(file) }
        return flock(file, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK
    }

    /// Removes an entry and everything in it. It is not an error when there is none.
    /// - Throws: `file.unwritable`.
    package func remove(_ name: String) throws { try TreeRemoval(path: path.appending(name)).remove(name, in: descriptor.rawValue) }

    /// Moves an entry into another directory of the same file system, under the same name.
    /// - Throws: `file.unwritable`.
    package func move(_ name: String, to other: DirectoryHandle) throws {
        guard unsafe renameat(descriptor.rawValue, name, other.descriptor.rawValue, name) == 0 else {
            throw Failure(.fileUnwritable, "cannot move '\(path.appending(name))' to '\(other.path)'", cause: Errno(rawValue: errno))
        }
    }

    /// Gives the directory itself to a user.
    /// - Throws: `file.unwritable`.
    package func give(user: UInt32, group: UInt32) throws {
        guard fchown(descriptor.rawValue, user, group) == 0 else {
            throw Failure(.fileUnwritable, "cannot give '\(path)' to the user \(user)", cause: Errno(rawValue: errno))
        }
    }

    /// The names in it, sorted, without `.` and `..`.
    /// - Throws: `file.unreadable`.
    package func names() throws -> [String] {
        do {
            return try DirectoryNames.read(descriptor.rawValue, atMost: .max).map(DirectoryNames.text).sorted()
        } catch let error as Errno {
            throw Failure(.fileUnreadable, "cannot list '\(path)'", cause: error)
        }
    }
}

/// The names in a directory as the kernel stores them: bytes, which need not be text.
enum DirectoryNames {
    /// - Parameter descriptor: the descriptor of an open directory, whose position is not changed.
    /// - Throws: `Errno`.
    static func read(_ descriptor: Int32, atMost limit: Int) throws -> [[CChar]] {
        let again = unsafe openat(descriptor, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard again >= 0 else { throw Errno(rawValue: errno) }
        guard let stream = unsafe fdopendir(again) else {
            let code = Errno(rawValue: errno)
            close(again)
            throw code
        }
        defer { unsafe closedir(stream) }
        return unsafe read(stream, atMost: limit)
    }

    /// Without `.` and `..`.
    static func read(_ stream: OpaquePointer, atMost limit: Int) -> [[CChar]] {
        var names: [[CChar]] = []
        while names.count < limit, let entry = unsafe readdir(stream) {
            let name = unsafe withUnsafeBytes(of: &entry.pointee.d_name) { unsafe $0.prefix { $0 != 0 }.map { CChar(bitPattern: $0) } }
            if name != [dot] && name != [dot, dot] { names.append(name + [0]) }
        }
        return names
    }

    /// A name for people; bytes that are not text are replaced.
    static func text(_ name: [CChar]) -> String { String(decoding: name.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self) }

    private static let dot = CChar(bitPattern: UInt8(ascii: "."))
}
