internal import ApplianceModel
package import Basics
internal import CLinux
internal import Glibc
internal import Quoting
package import SystemPackage

/// File operations as the program needs them: complete, durable, private, and never half done.
package enum Files {
    /// Reads a whole file, or a pipe to its end.
    /// - Parameter limit: the maximum number of bytes to read; the rest is left out.
    /// - Throws: `file.unreadable`.
    package static func read(_ path: FilePath, atMost limit: Int = .max) throws -> [UInt8] {
        do {
            let file = try FileDescriptor.open(path, .readOnly, options: .closeOnExec)
            return try file.closeAfter {
                var bytes: [UInt8] = []
                var chunk = [UInt8](repeating: 0, count: 65_536)
                while true {
                    let count = try unsafe chunk.withUnsafeMutableBytes { try unsafe file.read(into: $0) }
                    bytes.append(contentsOf: chunk[..<min(count, limit - bytes.count)])
                    if count == 0 || bytes.count == limit { return bytes }
                }
            }
        } catch let error as Errno {
            throw Failure(.fileUnreadable, "cannot read '\(path)'", cause: error)
        }
    }

    /// Reads a part of a file, up to `limit` bytes.
    package static func read(_ path: FilePath, from offset: Int64, limit: Int) throws -> [UInt8] {
        do {
            let file = try FileDescriptor.open(path, .readOnly, options: .closeOnExec)
            return try file.closeAfter {
                var bytes = [UInt8](repeating: 0, count: limit)
                let count = try unsafe bytes.withUnsafeMutableBytes { try unsafe file.read(fromAbsoluteOffset: offset, into: $0) }
                return Array(bytes[..<count])
            }
        } catch let error as Errno {
            throw Failure(.fileUnreadable, "cannot read '\(path)'", cause: error)
        }
    }

    package static func readText(_ path: FilePath) throws -> String { String(decoding: try read(path), as: UTF8.self) }

    /// Reads a whole file; nil when there is none.
    package static func readIfPresent(_ path: FilePath) throws -> [UInt8]? { exists(path) ? try read(path) : nil }

    /// The default size limit for pgkvm's own state files, in bytes.
    package static let ownLimit = 1 << 20

    /// Reads one of pgkvm's own files. A link, a pipe, a device and a file above the size limit are refused at once.
    /// - Throws: `file.unreadable`.
    package static func readRegular(_ path: FilePath, atMost limit: Int = ownLimit) throws -> [UInt8] {
        guard let bytes = try readRegularIfPresent(path, atMost: limit) else {
            throw Failure(.fileUnreadable, "cannot read '\(path)'", cause: Errno.noSuchFileOrDirectory)
        }
        return bytes
    }

    /// The same; nil when there is none.
    package static func readRegularIfPresent(_ path: FilePath, atMost limit: Int = ownLimit) throws -> [UInt8]? {
        guard let file = try RegularFile.open(path) else { return nil }
        return try file.read(atMost: limit)
    }

    /// The last bytes of a regular file, which may be a log of any size; nil when there is none.
    /// - Throws: `file.unreadable`.
    package static func readEnd(_ path: FilePath, bytes count: Int) throws -> [UInt8]? {
        guard let file = try RegularFile.open(path) else { return nil }
        return try file.readEnd(count)
    }

    /// Replaces a file in one durable step: temporary file beside it, fsync, rename, fsync of the directory.
    /// A reader sees the old content or the new one, also after a crash.
    /// - Throws: `file.unwritable`.
    package static func write(_ bytes: [UInt8], to path: FilePath, mode: FilePermissions = .ownerReadWrite) throws {
        try write(bytes, to: path, mode: mode) { unsafe Glibc.rename($0, $1) }
    }

    /// Writes a new file in one durable step; an existing file stays as it is.
    /// - Returns: whether the name was free.
    /// - Throws: `file.unwritable`.
    package static func writeNew(_ bytes: [UInt8], to path: FilePath, mode: FilePermissions = .ownerReadWrite) throws -> Bool {
        do {
            try write(bytes, to: path, mode: mode) { temporary, target in
                let result = unsafe link(temporary, target)
                let code = errno
                _ = unsafe unlink(temporary)
                errno = code
                return result
            }
            return true
        } catch let failure as Failure where failure.cause as? Errno == .fileExists {
            return false
        }
    }

    /// - Parameter publish: gives the temporary file its final name, and returns like a system call: 0, or -1 with `errno`.
    private static func write(
        _ bytes: [UInt8], to path: FilePath, mode: FilePermissions, publish: (_ temporary: String, _ target: String) -> Int32
    ) throws {
        let directory = path.removingLastComponent()
        let temporary = directory.appending(".\(path.lastComponent?.string ?? "file").\(getpid()).\(UInt32.random(in: 0 ... .max)).tmp")
        do {
            let file = try FileDescriptor.open(
                temporary, .writeOnly, options: [.create, .exclusiveCreate, .closeOnExec, .noFollow], permissions: mode)
            do {
                try file.closeAfter {
                    // The umask may have removed bits.
                    guard fchmod(file.rawValue, mode.rawValue) == 0 else { throw Errno(rawValue: errno) }
                    try file.writeAll(bytes)
                    guard fsync(file.rawValue) == 0 else { throw Errno(rawValue: errno) }
                }
                guard publish(temporary.string, path.string) == 0 else { throw Errno(rawValue: errno) }
            } catch {
                _ = unsafe unlink(temporary.string)
                throw error
            }
            try synchronize(directory)
        } catch let error as Errno {
            throw Failure(
                .fileUnwritable, "cannot write '\(path)'",
                remedy: error == .noSpace ? "free space on the file system of \(ShellWord.quoted(directory.string))" : nil,
                cause: error)
        }
    }

    package static func write(_ text: String, to path: FilePath, mode: FilePermissions = .ownerReadWrite) throws {
        try write(Array(text.utf8), to: path, mode: mode)
    }

    /// Makes the entries of a directory durable.
    package static func synchronize(_ directory: FilePath) throws {
        let file = try FileDescriptor.open(directory.isEmpty ? "." : directory, .readOnly, options: [.directory, .closeOnExec])
        try file.closeAfter { guard fsync(file.rawValue) == 0 else { throw Errno(rawValue: errno) } }
    }

    /// Makes a directory and the missing directories above it.
    /// - Throws: `file.unwritable`.
    package static func createDirectory(_ path: FilePath, mode: FilePermissions = .ownerReadWriteExecute) throws {
        if isDirectory(path) { return }
        let parent = path.removingLastComponent()
        if !parent.isEmpty, parent != path { try createDirectory(parent, mode: mode) }
        guard unsafe mkdir(path.string, mode.rawValue) == 0 else {
            let code = Errno(rawValue: errno)
            // Another process may have made it meanwhile; a file with that name is an error.
            if code == .fileExists, isDirectory(path) { return }
            throw Failure(.fileUnwritable, "cannot make the directory '\(path)'", cause: code)
        }
    }

    /// Makes a new directory with a unique name, mode 0700, inside `parent`.
    package static func createTemporaryDirectory(in parent: FilePath, prefix: String) throws -> FilePath {
        let path = parent.appending("\(prefix).\(getpid()).\(UInt32.random(in: 0 ... .max))")
        guard unsafe mkdir(path.string, 0o700) == 0 else {
            throw Failure(.fileUnwritable, "cannot make the directory '\(path)'", cause: Errno(rawValue: errno))
        }
        return path
    }

    /// Removes what `write` and `createTemporaryDirectory` left in a directory when their process was killed: hidden entries whose names end
    /// in the id of a process that is gone, a number, and perhaps `.tmp`. Also removes what former releases left of an O_DIRECT test.
    /// - Throws: `file.unreadable`, `file.unwritable`.
    package static func removeAbandoned(in directory: FilePath) throws {
        for name in try list(directory) where name.begins(with: ".") {
            var parts = name.split(at: ".", omittingEmptySubsequences: false)
            if parts.count == 3, parts[1] == "o-direct", UInt32(parts[2]) != nil {
                try remove(directory.appending(name))
                continue
            }
            if parts.last == "tmp" { parts.removeLast() }
            guard parts.count >= 4, parts.popLast().flatMap({ UInt32($0) }) != nil, let process = parts.popLast().flatMap({ Int32($0) }),
                !ProcessTable.exists(process)
            else { continue }
            try remove(directory.appending(name))
        }
    }

    /// Removes a file or a whole directory, if there is one. No symbolic link below the directory that holds `path` is followed,
    /// whatever other users do there meanwhile.
    /// - Throws: `file.unwritable`.
    package static func remove(_ path: FilePath) throws {
        guard let name = path.lastComponent, name.kind == .regular else {
            throw Failure(.fileUnwritable, "cannot remove '\(path)'", cause: Errno.invalidArgument)
        }
        let parent = path.removingLastComponent()
        var place: Int32 = -1
        let code = Errno(rawValue: unsafe clinux_open_place(parent.isEmpty ? "." : parent.string, &place))
        if code == .noSuchFileOrDirectory || code == .notDirectory { return }
        guard code.rawValue == 0 else { throw Failure(.fileUnwritable, "cannot remove '\(path)'", cause: code) }
        defer { close(place) }
        try TreeRemoval(path: path).remove(name.string, in: place)
    }

    package static func rename(_ source: FilePath, to target: FilePath) throws {
        guard unsafe Glibc.rename(source.string, target.string) == 0 else {
            throw Failure(.fileUnwritable, "cannot rename '\(source)' to '\(target)'", cause: Errno(rawValue: errno))
        }
        try synchronize(target.removingLastComponent())
    }

    /// The names in a directory, sorted, without `.` and `..`; empty when there is no such directory.
    package static func list(_ path: FilePath) throws -> [String] {
        guard let stream = unsafe opendir(path.string) else {
            if errno == ENOENT { return [] }
            throw Failure(.fileUnreadable, "cannot list '\(path)'", cause: Errno(rawValue: errno))
        }
        defer { unsafe closedir(stream) }
        return unsafe DirectoryNames.read(stream, atMost: .max).map(DirectoryNames.text).sorted()
    }

    /// - Throws: `file.unreadable`.
    package static func currentDirectory() throws -> FilePath {
        var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
        guard let path = unsafe getcwd(&buffer, buffer.count) else {
            throw Failure(.fileUnreadable, "cannot tell the current directory", cause: Errno(rawValue: errno))
        }
        return FilePath(unsafe String(cString: path))
    }

    /// The target of a symbolic link.
    /// - Throws: `file.unreadable`.
    package static func linkTarget(_ path: FilePath) throws -> FilePath {
        var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
        let count = unsafe readlink(path.string, &buffer, buffer.count)
        guard count >= 0 else { throw Failure(.fileUnreadable, "cannot read the link '\(path)'", cause: Errno(rawValue: errno)) }
        return FilePath(String(decoding: buffer[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self))
    }

    /// The path with all symbolic links resolved.
    /// - Throws: `file.unreadable`.
    package static func realPath(_ path: FilePath) throws -> FilePath {
        guard let real = unsafe realpath(path.string, nil) else {
            throw Failure(.fileUnreadable, "cannot resolve '\(path)'", cause: Errno(rawValue: errno))
        }
        defer { unsafe free(real) }
        return FilePath(unsafe String(cString: real))
    }

    package static func exists(_ path: FilePath) -> Bool { status(path) != nil }
    package static func isDirectory(_ path: FilePath) -> Bool { status(path)?.isDirectory == true }
    package static func isExecutable(_ path: FilePath) -> Bool {
        guard status(path)?.isRegularFile == true else { return false }
        return unsafe access(path.string, X_OK) == 0
    }

    /// Whether this user may list a directory and create files in it.
    package static func isWritable(_ directory: FilePath) -> Bool { unsafe access(directory.string, R_OK | W_OK | X_OK) == 0 }

    package static func status(_ path: FilePath, followLinks: Bool = true) -> FileStatus? {
        var raw = stat()
        let result = unsafe followLinks ? stat(path.string, &raw) : lstat(path.string, &raw)
        return result == 0 ? FileStatus(raw) : nil
    }

    /// Nil for a descriptor that is not open.
    static func status(of file: FileDescriptor) -> FileStatus? {
        var raw = stat()
        return unsafe fstat(file.rawValue, &raw) == 0 ? FileStatus(raw) : nil
    }

    /// Bytes that an unprivileged user may still write on the file system of `path`.
    package static func freeSpace(at path: FilePath) throws -> ByteSize {
        var raw = statvfs()
        guard unsafe statvfs(path.string, &raw) == 0 else {
            throw Failure(.fileUnreadable, "cannot ask for the free space at '\(path)'", cause: Errno(rawValue: errno))
        }
        return ByteSize(bytes: Int64(raw.f_bavail) * Int64(raw.f_frsize))
    }
}

extension Failure.Code {
    package static let fileUnreadable = Failure.Code("file.unreadable")
    package static let fileUnwritable = Failure.Code("file.unwritable")
}
