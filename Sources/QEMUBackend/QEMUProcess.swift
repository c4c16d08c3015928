internal import ApplianceModel
internal import HostSystem
internal import SystemPackage

/// The QEMU process of a machine, known by the pid file that QEMU writes as one of its first acts.
enum QEMUProcess {
    /// The process id; nil when none runs.
    ///
    /// A pid file that outlived its QEMU is told apart by the working directory of the process: QEMU runs inside the
    /// machine's directory.
    static func id(in directory: MachineDirectory) throws -> Int32? {
        guard let bytes = try Files.readIfPresent(directory.file(MachineDirectory.Name.processID)) else { return nil }
        let digits = bytes.prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
        guard let id = Int32(String(decoding: digits, as: UTF8.self)), id > 1 else { return nil }
        guard let own = Files.status(directory.path), let its = Files.status(FilePath("/proc/\(id)/cwd")) else { return nil }
        return own.inode == its.inode && own.device == its.device ? id : nil
    }
}
