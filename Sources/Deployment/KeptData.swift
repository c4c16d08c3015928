internal import ApplianceModel
package import Basics
internal import FoundationEssentials
internal import HostSystem
internal import MachineBackend
internal import Quoting
package import SystemPackage

/// What `delete --keep-data` leaves behind and `data.adopt` takes back: the disk, its CA, its passwords, and this note.
package struct KeptData: Codable, Sendable, Equatable {
    static let currentFormat = 1

    package enum Name {
        package static let note = "kept.json"
        package static let disk = "data.raw"
        package static let caCertificate = "ca.crt"
        package static let caKey = "ca.key"
        package static let passwords = "pgpass"
        package static let spec = "spec.yaml"
    }

    package var formatVersion = KeptData.currentFormat
    package let appliance: String
    package let postgresqlVersion: Int
    package let fileSystemUUID: String
    package let size: ByteSize

    package init(appliance: String, postgresqlVersion: Int, fileSystemUUID: String, size: ByteSize) {
        self.appliance = appliance
        self.postgresqlVersion = postgresqlVersion
        self.fileSystemUUID = fileSystemUUID
        self.size = size
    }

    /// - Throws: `data.not-kept`, `format.newer`.
    package static func load(_ directory: String) throws -> KeptData {
        let path = FilePath(directory).appending(Name.note)
        guard let bytes = try Files.readRegularIfPresent(path) else {
            throw Failure(
                .dataNotKept, "'\(directory)' is not what 'delete --keep-data' leaves: it has no \(Name.note)",
                remedy: "name the directory that the delete printed")
        }
        do {
            return try VersionedJSON.decode(KeptData.self, bytes, supported: currentFormat, file: path.string)
        } catch let error as DecodingError {
            throw Failure(.dataNotKept, "'\(path)' is damaged", cause: error)
        }
    }

    /// Moves a data disk out of its machine's directory, where QEMU could have replaced it with anything. A missing disk is not an error.
    /// - Throws: `data.not-kept` if it is not a disk.
    static func moveDisk(_ disk: FilePath, to directory: FilePath) throws {
        let target = directory.appending(Name.disk)
        func check(_ path: FilePath) throws {
            guard let status = Files.status(path, followLinks: false), status.isRegularFile, status.links == 1 else {
                throw Failure(
                    .dataNotKept, "'\(path)' is not a data disk: it is a link, has a second name, or is no file at all",
                    remedy: "look what was put there: ls -ld \(ShellWord.quoted(path.string))")
            }
        }
        guard Files.status(disk, followLinks: false) != nil else { return }
        try check(disk)
        try Files.rename(disk, to: target)
        // QEMU may have replaced it between the check and the move. It cannot reach the new place.
        try check(target)
    }

    /// Where the directories of kept data are.
    static func parent(in state: StateDirectory) -> FilePath { state.path.appending(".kept") }

    /// Removes the half-written files that a killed delete left in the directories of kept data.
    static func removeAbandoned(in state: StateDirectory) throws {
        let parent = parent(in: state)
        for name in try Files.list(parent) where Files.status(parent.appending(name), followLinks: false)?.isDirectory == true {
            try Files.removeAbandoned(in: parent.appending(name))
        }
    }

    /// Removes the remains of a directory whose disk has moved into an appliance. Files that are not pgkvm's stay.
    static func removeRemains(_ directory: String) throws {
        let path = FilePath(directory)
        guard Files.isDirectory(path), !Files.exists(path.appending(Name.disk)) else { return }
        try Files.removeAbandoned(in: path)
        for name in [Name.note, Name.caCertificate, Name.caKey, Name.passwords, Name.spec] { try Files.remove(path.appending(name)) }
        if try Files.list(path).isEmpty { try Files.remove(path) }
    }

    package func save(to directory: FilePath) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
        try Files.write(Array(encoder.encode(self)), to: directory.appending(Name.note))
    }
}

extension Failure.Code {
    package static let dataNotKept = Failure.Code("data.not-kept")
}
