package import Basics
internal import Glibc

/// The status of a file, as `stat(2)` reports it.
package struct FileStatus: Sendable {
    package let size: ByteSize
    /// The space that is really allocated (`st_blocks`).
    package let allocated: ByteSize
    package let mode: UInt32
    package let owner: UInt32
    package let group: UInt32
    package let inode: UInt64
    package let device: UInt64
    /// The number of names (hard links) of the file.
    package let links: UInt64

    init(_ raw: stat) {
        size = ByteSize(bytes: Int64(raw.st_size))
        allocated = ByteSize(bytes: Int64(raw.st_blocks) * 512)
        mode = raw.st_mode
        owner = raw.st_uid
        group = raw.st_gid
        inode = UInt64(raw.st_ino)
        device = UInt64(raw.st_dev)
        links = UInt64(raw.st_nlink)
    }

    package var isDirectory: Bool { mode & S_IFMT == S_IFDIR }
    package var isRegularFile: Bool { mode & S_IFMT == S_IFREG }
    package var isSymbolicLink: Bool { mode & S_IFMT == S_IFLNK }
    package var permissions: UInt32 { mode & 0o7777 }
}
