internal import ApplianceModel
internal import HostSystem
internal import SystemPackage

/// The QEMU process of a machine, which its keeper writes down before QEMU begins.
enum QEMUProcess {
    /// The process id; nil when none runs.
    ///
    /// A record that outlived its QEMU is told apart by when the process began, and by its working directory: QEMU runs inside the
    /// machine's directory.
    static func id(in directory: MachineDirectory) throws -> Int32? {
        if let id = try recorded(in: directory) { return id }
        // A QEMU that an earlier pgkvm started wrote its id itself.
        return try written(directory.file(MachineDirectory.Name.processID)).flatMap { runs($0.id, inside: directory) }
    }

    /// The process that its keeper wrote down.
    private static func recorded(in directory: MachineDirectory) throws -> Int32? {
        guard let (id, start) = try written(directory.record(Record.processID)), let start, start == ProcessStart.time(of: id) else { return nil }
        return runs(id, inside: directory)
    }

    /// The content of a file such as `4711 815923`.
    private static func written(_ file: FilePath) throws -> (id: Int32, start: UInt64?)? {
        guard let bytes = try Files.readIfPresent(file) else { return nil }
        let words = String(decoding: bytes.prefix(64), as: UTF8.self).split { $0 == " " || $0 == "\n" }
        guard let id = words.first.flatMap({ Int32($0) }), id > 1 else { return nil }
        return (id, words.dropFirst().first.flatMap { UInt64($0) })
    }

    private static func runs(_ id: Int32, inside directory: MachineDirectory) -> Int32? {
        guard let own = Files.status(directory.path), let its = Files.status(FilePath("/proc/\(id)/cwd")) else { return nil }
        return own.inode == its.inode && own.device == its.device ? id : nil
    }
}
