internal import ApplianceModel
internal import Basics
internal import FoundationEssentials
internal import HostSystem
package import MachineBackend
internal import SystemPackage

/// The content of `machine.json`: everything that a machine's command line is made from.
package struct QEMUMachine: Sendable, Equatable, Codable {
    static let currentFormat = 1

    package var formatVersion = QEMUMachine.currentFormat
    package var spec: MachineSpec
    /// Whether the NoCloud medium is a disk of the machine.
    package var hasSeed: Bool
    /// Whether the machine's files are complete: false while `create` is working.
    package var isComplete: Bool
    /// The user and group id that its QEMU runs as; nil for the shared account, and for the caller.
    package var userID: UInt32?

    package init(spec: MachineSpec, hasSeed: Bool = false, isComplete: Bool = false, userID: UInt32? = nil) {
        self.spec = spec
        self.hasSeed = hasSeed
        self.isComplete = isComplete
        self.userID = userID
    }

    /// Reads `machine.json`; nil when there is none.
    /// - Throws: `format.newer`; `machine.failed` when the file is damaged; `file.unreadable` when it is not a regular file.
    static func load(from directory: MachineDirectory) throws -> QEMUMachine? {
        let records = MachineRecords(directory)
        guard let bytes = try records.read(MachineDirectory.Record.machine) else { return nil }
        return try decode(bytes, file: records.location(MachineDirectory.Record.machine))
    }

    /// - Parameter file: the file's path, for messages.
    static func decode(_ bytes: [UInt8], file: FilePath) throws -> QEMUMachine {
        struct Header: Codable { let formatVersion: Int }
        do {
            let data = Data(bytes)
            try FormatVersion.check(
                JSONDecoder().decode(Header.self, from: data).formatVersion, supported: currentFormat, file: file.string)
            return try JSONDecoder().decode(QEMUMachine.self, from: data)
        } catch let error as DecodingError {
            throw Failure(.machineFailed, "'\(file)' is damaged", remedy: "restore it from a backup; the disks of the machine are not touched", cause: error)
        }
    }

    func save(to directory: MachineDirectory) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .prettyPrinted, .withoutEscapingSlashes]
        try MachineRecords(directory).write(Array(encoder.encode(self)), to: MachineDirectory.Record.machine)
    }
}
