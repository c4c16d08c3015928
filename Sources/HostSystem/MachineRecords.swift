package import ApplianceModel
internal import Basics
internal import Glibc
package import SystemPackage

/// pgkvm's trusted records of a machine, in a directory to which only pgkvm's own user writes.
///
/// Older versions kept the same files in QEMU's directory. They are read there, with the care that such a directory requires, until the next
/// command that holds the appliance's lock has moved them.
package struct MachineRecords: Sendable {
    package let directory: MachineDirectory

    package init(_ directory: MachineDirectory) { self.directory = directory }

    /// Reads a record; nil when there is none.
    /// - Throws: `file.unreadable`, also for anything that is not a regular file or is larger than a record can be.
    package func read(_ name: String) throws -> [UInt8]? {
        // Try the first path again at the end: another command may have moved the record in between.
        for path in [directory.record(name), directory.file(name), directory.record(name)] {
            if let bytes = try Files.readRegularIfPresent(path) { return bytes }
        }
        return nil
    }

    /// Where a record is now.
    package func location(_ name: String) -> FilePath {
        Files.status(directory.record(name), followLinks: false) == nil && former(name) != nil ? directory.file(name) : directory.record(name)
    }

    /// Where a log is written. A QEMU that an older version started still writes to its own directory, even if an older log is here.
    package func log(_ name: String) -> FilePath { former(name)?.isRegularFile == true ? directory.file(name) : directory.record(name) }

    private func former(_ name: String) -> FileStatus? { Files.status(directory.file(name), followLinks: false) }

    /// Writes a record, and removes what an older version left of it.
    /// - Throws: `file.unwritable`.
    package func write(_ bytes: [UInt8], to name: String) throws {
        try prepare()
        try Files.write(bytes, to: directory.record(name))
        try Files.remove(directory.file(name))
    }

    /// Makes the directory.
    /// - Throws: `file.unwritable`.
    package func prepare() throws { try Files.createDirectory(directory.records) }

    /// Moves a record that an older version left, unless there is a newer one.
    /// - Parameter check: examines the content, and throws for a record that cannot be trusted; the record then stays where it was.
    /// - Throws: `file.unreadable`, `file.unwritable`, and what `check` throws.
    package func takeOver(_ name: String, check: ([UInt8]) throws -> Void) throws {
        guard former(name) != nil else { return }
        if try Files.readRegularIfPresent(directory.record(name)) == nil {
            guard let bytes = try Files.readRegularIfPresent(directory.file(name)) else { return }
            try check(bytes)
            try write(bytes, to: name)
        } else {
            try Files.remove(directory.file(name))
        }
    }

    /// Moves a log that an older version left, unless there is a newer one. The file itself is moved, so that a QEMU that has it open continues
    /// to write it. Anything that is not a log is removed.
    /// - Throws: `file.unreadable`, `file.unwritable`.
    package func takeOverLog(_ name: String) throws {
        guard let place = try DirectoryHandle.open(directory.path), let found = place.status(name) else { return }
        guard Self.isLog(found) else { return try place.remove(name) }
        try prepare()
        guard let records = try DirectoryHandle.open(directory.records), records.status(name) == nil else { return }
        try place.move(name, to: records)
        // QEMU may have replaced the file between the check and the move. It cannot reach the new place.
        guard let moved = records.status(name), Self.isLog(moved), let file = try records.file(name) else { return try records.remove(name) }
        try file.give(user: geteuid(), group: getegid())
    }

    /// Whether it is a file with only this name: a second name may belong to another user's file.
    private static func isLog(_ status: FileStatus) -> Bool { status.isRegularFile && status.links == 1 }

    /// Removes what is left in QEMU's directory under the names of these records, so that nothing there is mistaken for one.
    /// - Throws: `file.unreadable`, `file.unwritable`.
    package func removeFormer(_ names: [String]) throws {
        guard let place = try DirectoryHandle.open(directory.path) else { return }
        for name in names { try place.remove(name) }
    }

    /// Cuts a log that has grown over `limit` bytes to its last part. Its writer appends, so the log can be cut while it is being written.
    ///
    /// In QEMU's directory only a file that belongs to that directory's owner and does not have a second name is changed.
    /// - Throws: `file.unreadable`, `file.unwritable`.
    package func cutLog(_ name: String, over limit: Int, to count: Int) throws {
        if let file = try RegularFile.open(directory.record(name), forWriting: true), file.status.size.bytes > Int64(limit) { try file.keepEnd(count) }
        guard let place = try DirectoryHandle.open(directory.path), place.status(name)?.isRegularFile == true,
            let file = try place.file(name, forWriting: true), file.status.size.bytes > Int64(limit), file.status.links == 1,
            try file.status.owner == place.status().owner
        else { return }
        try file.keepEnd(count)
    }
}
