internal import ApplianceModel
package import Basics
internal import CLinux
internal import Glibc
package import SystemPackage

/// The types and abilities of the host's file systems.
package enum FileSystems {
    /// The name of the file system that holds `path`, such as `ext4`, or its magic number in hexadecimal.
    package static func name(at path: FilePath) throws -> String {
        var magic: UInt32 = 0
        let code = unsafe clinux_file_system(path.string, &magic)
        guard code == 0 else {
            throw Failure(.fileUnreadable, "cannot ask for the file system of '\(path)'", cause: Errno(rawValue: code))
        }
        return names[magic] ?? "0x" + String(magic, radix: 16)
    }

    // linux/magic.h
    private static let names: [UInt32: String] = [
        0xEF53: "ext4", 0x5846_5342: "xfs", 0x9123_683E: "btrfs", 0x2FC1_2FC1: "zfs", 0x0102_1994: "tmpfs", 0xFF53_4D42: "cifs",
        0xFE53_4D42: "cifs", 0x6969: "nfs", 0x794C_7630: "overlayfs", 0xF2F5_2010: "f2fs", 0x6573_5546: "fuse",
    ]

    /// Whether files there can be opened with O_DIRECT.
    package static func supportsDirectIO(at directory: FilePath) throws -> Bool {
        // The name is one that `Files.removeAbandoned` removes, in case this process is killed or the name cannot be removed.
        let probe = directory.appending(".o-direct.\(getpid()).\(UInt32.random(in: 0 ... .max))")
        defer { _ = unsafe unlink(probe.string) }
        let code = Errno(rawValue: unsafe clinux_try_direct_io(probe.string))
        switch code {
        case Errno(rawValue: 0): return true
        case .invalidArgument: return false
        default: throw Failure(.fileUnwritable, "cannot make a file in '\(directory)'", cause: code)
        }
    }

    /// Whether files there could be opened with O_DIRECT, tested with a file that never has a name: the directory does not change.
    /// - Returns: nil where that is unknown.
    package static func promisesDirectIO(at directory: FilePath) -> Bool? {
        switch Errno(rawValue: unsafe clinux_try_unnamed_direct_io(directory.string)) {
        case Errno(rawValue: 0): true
        case .invalidArgument: false
        default: nil
        }
    }

    /// Makes a file whose space is really allocated, with fallocate(2) and never with the library's fallback that writes zeros.
    ///
    /// An existing file is extended and keeps its content. On failure, the space that was already claimed is given back.
    /// - Throws: `disk.full` when there is not enough space, `disk.cannot-allocate` when the file system cannot reserve space.
    package static func allocate(_ path: FilePath, size: ByteSize) throws {
        let before = Files.status(path, followLinks: false)
        let descriptor = unsafe open(path.string, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0o600)
        guard descriptor >= 0 else { throw Failure(.fileUnwritable, "cannot make '\(path)'", cause: Errno(rawValue: errno)) }
        defer { close(descriptor) }
        var opened = stat()
        guard unsafe fstat(descriptor, &opened) == 0, FileStatus(opened).isRegularFile else {
            throw Failure(.fileUnwritable, "'\(path)' is not a regular file, and no space is reserved for it")
        }
        // What does not fit is not tried: a file system may take all the free space before it reports an error, and other writers then have none.
        let missing = ByteSize(bytes: size.bytes - (before?.allocated.bytes ?? 0))
        let isRoom = try Files.freeSpace(at: path) >= missing
        let code = isRoom ? Errno(rawValue: clinux_allocate(descriptor, Int(size.bytes))) : .noSpace
        if code.rawValue != 0 {
            if let before { _ = ftruncate(descriptor, Int(before.size.bytes)) } else { _ = unsafe unlink(path.string) }
        }
        switch code {
        case Errno(rawValue: 0): break
        case .noSpace, .diskQuotaExceeded:
            throw Failure(.diskFull, "no \(size) free for '\(path)'", remedy: "free space, or ask for a smaller disk")
        case .notSupported, Errno(rawValue: ENOSYS):
            throw Failure(
                .diskCannotAllocate, "the file system of '\(path)' cannot reserve space (fallocate)",
                remedy: "put the state directory on ext4 or XFS (PGKVM_HOME)")
        default:
            throw Failure(.fileUnwritable, "cannot allocate \(size) for '\(path)'", cause: code)
        }
        guard fsync(descriptor) == 0 else { throw Failure(.fileUnwritable, "cannot sync '\(path)'", cause: Errno(rawValue: errno)) }
    }

    /// Makes the content of a file that another program wrote durable.
    package static func synchronize(_ path: FilePath) throws {
        let descriptor = unsafe open(path.string, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
        guard descriptor >= 0 else { throw Failure(.fileUnreadable, "cannot open '\(path)'", cause: Errno(rawValue: errno)) }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw Failure(.fileUnwritable, "cannot sync '\(path)'", cause: Errno(rawValue: errno)) }
    }
}

extension Failure.Code {
    package static let diskFull = Failure.Code("disk.full")
    package static let diskCannotAllocate = Failure.Code("disk.cannot-allocate")
}
