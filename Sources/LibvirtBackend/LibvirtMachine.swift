internal import ApplianceModel
internal import Basics
internal import FoundationEssentials
internal import HostSystem
internal import MachineBackend
internal import SystemPackage

/// The content of `machine.json` for a domain: what it was made from. The format matches that of a QEMU machine, so that each platform sees
/// which ports on this host the other one has promised.
struct LibvirtMachine: Sendable, Equatable, Codable {
    static let currentFormat = 1

    var formatVersion = LibvirtMachine.currentFormat
    var spec: MachineSpec
    /// Whether the NoCloud medium is a disk of the machine.
    var hasSeed = false
    /// Whether the domain is defined and its volumes are complete: false while `create` is working.
    var isComplete = false

    init(spec: MachineSpec) { self.spec = spec }

    /// Nil when the file does not exist.
    /// - Throws: `format.newer`, or `machine.failed` when the file is damaged.
    static func load(from directory: MachineDirectory) throws -> LibvirtMachine? {
        let records = MachineRecords(directory)
        guard let bytes = try records.read(MachineDirectory.Record.machine) else { return nil }
        return try decode(bytes, file: records.location(MachineDirectory.Record.machine))
    }

    /// - Parameter file: the file's path, for messages.
    static func decode(_ bytes: [UInt8], file: FilePath) throws -> LibvirtMachine {
        // Of a newer file, only the number is certain to be readable.
        struct Header: Codable { let formatVersion: Int }
        do {
            let data = Data(bytes)
            try FormatVersion.check(JSONDecoder().decode(Header.self, from: data).formatVersion, supported: currentFormat, file: file.string)
            return try JSONDecoder().decode(LibvirtMachine.self, from: data)
        } catch let error as DecodingError {
            throw Failure(.machineFailed, "'\(file)' is damaged", remedy: "restore it from a backup; the domain and its disks are not touched", cause: error)
        }
    }

    func save(to directory: MachineDirectory) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .prettyPrinted, .withoutEscapingSlashes]
        // A session's daemon writes the console's log into this directory.
        try Files.createDirectory(directory.path)
        try MachineRecords(directory).write(Array(encoder.encode(self)), to: MachineDirectory.Record.machine)
    }
}
