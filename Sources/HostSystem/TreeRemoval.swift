internal import Basics
internal import Glibc
internal import SystemPackage

/// Removes a file, or a directory with everything in it, through descriptors.
///
/// A user who writes there may replace a directory by a link at the same time. Each directory is therefore opened relative to its parent,
/// never through a link, and its content is removed relative to the opened directory.
struct TreeRemoval {
    /// The path, for messages.
    let path: FilePath

    /// The maximum depth. Each level holds a descriptor, and another user may have made more levels than this process may open files.
    private static let deepest = 16
    /// How often a directory is emptied when others keep filling it.
    private static let mostPasses = 10_000
    /// The maximum number of names that are read at once: a directory may have more than fit into memory.
    private static let mostNames = 4096

    /// - Parameters:
    ///   - name: a single name, without a slash.
    ///   - parent: the descriptor of the directory that contains it.
    /// - Throws: `file.unwritable`.
    func remove(_ name: String, in parent: Int32) throws {
        do {
            try remove(Array(name.utf8CString), in: parent, depth: 0, top: nil)
        } catch let error as Errno {
            throw Failure(.fileUnwritable, "cannot remove '\(path)'", cause: error)
        }
    }

    /// - Parameter top: the directory that is removed as a whole; nil when this is that directory.
    /// - Throws: `Errno`.
    private func remove(_ name: [CChar], in parent: Int32, depth: Int, top: Int32?) throws {
        for _ in 0..<Self.mostPasses {
            guard try !unlink(name, in: parent) else { return }
            let directory = unsafe openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)
            guard directory >= 0 else {
                switch errno {
                case ENOENT: return
                // It was a directory a moment ago.
                case ENOTDIR, ELOOP: continue
                default: throw Errno(rawValue: errno)
                }
            }
            defer { close(directory) }
            try empty(directory, depth: depth, top: top ?? directory)
            if unsafe unlinkat(parent, name, AT_REMOVEDIR) == 0 { return }
            switch errno {
            case ENOENT: return
            // It was replaced by something else, filled again, or contained more than was read at once.
            case ENOTDIR, ENOTEMPTY, EEXIST: continue
            default: throw Errno(rawValue: errno)
            }
        }
        throw Errno.directoryNotEmpty
    }

    private func empty(_ directory: Int32, depth: Int, top: Int32) throws {
        for name in try DirectoryNames.read(directory, atMost: Self.mostNames) {
            if depth < Self.deepest {
                try remove(name, in: directory, depth: depth + 1, top: top)
            } else if try !unlink(name, in: directory) {
                // Move it up to the top, where the next pass finds it with the full depth available again.
                let fresh = ".removed.\(UInt64.random(in: 0 ... .max))"
                guard unsafe renameat(directory, name, top, fresh) == 0 || errno == ENOENT else { throw Errno(rawValue: errno) }
            }
        }
    }

    /// - Returns: false when it is a directory.
    private func unlink(_ name: [CChar], in parent: Int32) throws -> Bool {
        if unsafe unlinkat(parent, name, 0) == 0 { return true }
        let code = Errno(rawValue: errno)
        switch code {
        case .noSuchFileOrDirectory: return true
        case .isDirectory: return false
        // The POSIX error for a directory.
        case .notPermitted:
            var raw = stat()
            guard unsafe fstatat(parent, name, &raw, AT_SYMLINK_NOFOLLOW) == 0, FileStatus(raw).isDirectory else { throw code }
            return false
        default: throw code
        }
    }
}
