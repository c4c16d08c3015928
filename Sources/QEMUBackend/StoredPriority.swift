internal import ApplianceModel
internal import Basics
internal import FoundationEssentials
internal import HostSystem
internal import MachineBackend
internal import SystemPackage

/// The content of `priority.json`: the priority that is kept for every start of a machine.
struct StoredPriority: Codable {
    static let currentFormat = 1

    var formatVersion = StoredPriority.currentFormat
    var nice: Int?
    var cpuWeight: Int?
    var memoryMax: ByteSize?

    init(_ priority: MachinePriority) {
        nice = priority.nice
        cpuWeight = priority.cpuWeight
        memoryMax = priority.memoryMax
    }

    /// The stored priority; empty when there is no such file.
    /// - Throws: `format.newer`; `file.unreadable` for a file that is damaged.
    static func load(_ directory: ApplianceDirectory) throws -> MachinePriority {
        guard let bytes = try Files.readRegularIfPresent(directory.priority) else { return MachinePriority() }
        struct Header: Codable { let formatVersion: Int }
        do {
            let data = Data(bytes)
            try FormatVersion.check(
                JSONDecoder().decode(Header.self, from: data).formatVersion, supported: currentFormat, file: directory.priority.string)
            let stored = try JSONDecoder().decode(StoredPriority.self, from: data)
            return MachinePriority(nice: stored.nice, cpuWeight: stored.cpuWeight, memoryMax: stored.memoryMax)
        } catch let error as DecodingError {
            throw Failure(.fileUnreadable, "'\(directory.priority)' is damaged", remedy: "remove it, then set the priority again", cause: error)
        }
    }

    /// Stores a priority; for an empty one there is no file.
    static func save(_ priority: MachinePriority, in directory: ApplianceDirectory) throws {
        guard !priority.isEmpty else { return try Files.remove(directory.priority) }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .prettyPrinted]
        try Files.write(Array(encoder.encode(StoredPriority(priority))), to: directory.priority)
    }
}
