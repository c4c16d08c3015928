internal import ApplianceModel
internal import FoundationEssentials
internal import HostSystem
internal import MachineBackend
internal import SystemPackage

/// What `machine.json` keeps of a domain: what it was made from. The shape is that of a machine of QEMU's, so that each platform sees which
/// ports of this host the other one has promised.
struct LibvirtMachine: Sendable, Equatable, Codable {
    static let currentFormat = 1

    var formatVersion = LibvirtMachine.currentFormat
    var spec: MachineSpec
    /// Whether the NoCloud medium is a disk of the machine.
    var hasSeed = false
    /// Whether the domain is defined and its volumes are whole: false while `create` is at work.
    var isComplete = false

    init(spec: MachineSpec) { self.spec = spec }

    /// Nil when there is none.
    /// - Throws: `format.newer`, or `machine.failed` when the file is damaged.
    static func load(from directory: MachineDirectory) throws -> LibvirtMachine? {
        let path = directory.file(MachineDirectory.Name.machine)
        guard let bytes = try Files.readIfPresent(path) else { return nil }
        do {
            let machine = try JSONDecoder().decode(LibvirtMachine.self, from: Data(bytes))
            try FormatVersion.check(machine.formatVersion, supported: currentFormat, file: path.string)
            return machine
        } catch let error as DecodingError {
            throw Failure(.machineFailed, "'\(path)' is damaged", remedy: "restore it from a backup; the domain and its disks are not touched", cause: error)
        }
    }

    func save(to directory: MachineDirectory) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .prettyPrinted, .withoutEscapingSlashes]
        try Files.createDirectory(directory.path)
        try Files.write(Array(encoder.encode(self)), to: directory.file(MachineDirectory.Name.machine))
    }
}
