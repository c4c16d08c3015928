internal import ApplianceModel
internal import HostSystem
internal import SystemPackage

/// The QEMU process of a machine.
///
/// It is identified by `records/qemu.pid`, which its keeper writes before QEMU begins and QEMU cannot write: a process id, and the time at which
/// that process was started, in the kernel's own unit. A machine that an older version started has a pid file written by QEMU in its directory,
/// until the next command that holds the appliance's lock.
enum QEMUProcess {
    /// The content of a pid file.
    struct Identity: Equatable {
        let id: Int32
        /// Field 22 of /proc/PID/stat.
        let startTime: UInt64?

        /// `PID` or `PID STARTTIME`; nil for anything else.
        init?(_ bytes: [UInt8]) {
            let words = String(decoding: bytes, as: UTF8.self).split(whereSeparator: \.isWhitespace)
            guard let id = words.first.flatMap({ Int32($0) }), id > 1, words.count <= 2 else { return nil }
            let start = words.dropFirst().first.map { UInt64($0) }
            // A second word that is not a time does not identify a process.
            if case .some(.none) = start { return nil }
            self.init(id: id, startTime: start ?? nil)
        }

        init(id: Int32, startTime: UInt64?) {
            self.id = id
            self.startTime = startTime
        }

        var text: String { ([String(id)] + (startTime.map { [String($0)] } ?? [])).joined(separator: " ") + "\n" }
    }

    /// The maximum size of a pid file, in bytes.
    private static let limit = 128

    /// The process id; nil when none runs.
    /// - Throws: `file.unreadable` for a pid file that is not a regular file.
    static func id(in directory: MachineDirectory) throws -> Int32? {
        guard let bytes = try Files.readRegularIfPresent(directory.record(MachineDirectory.Record.processID), atMost: limit) else {
            return try former(in: directory)?.id
        }
        guard let known = Identity(bytes) else { return nil }
        guard let start = known.startTime else { return isInside(directory, known.id) ? known.id : nil }
        return ProcessStart.time(of: known.id) == start ? known.id : nil
    }

    /// The process from a pid file that QEMU wrote in its own directory, with its start time. That file is QEMU's claim. It is believed for a
    /// process that runs inside the directory and as the directory's owner.
    private static func former(in directory: MachineDirectory) throws -> Identity? {
        guard let bytes = try Files.readRegularIfPresent(directory.file(MachineDirectory.Record.processID), atMost: limit), let id = Identity(bytes)?.id,
            isInside(directory, id), let owner = Files.status(directory.path, followLinks: false)?.owner, let start = ProcessStart.time(of: id)
        else { return nil }
        var status = ProcessStatus()
        status.take(status: (try? Files.readText(FilePath("/proc/\(id)/status"))) ?? "")
        return status.userIDs.allSatisfy { $0 == owner } && !status.userIDs.isEmpty ? Identity(id: id, startTime: start) : nil
    }

    /// Saves the process of a machine that an older version started in `records`, and removes QEMU's own pid file.
    static func takeOver(in directory: MachineDirectory) throws {
        let records = MachineRecords(directory)
        let name = MachineDirectory.Record.processID
        if try Files.readRegularIfPresent(directory.record(name), atMost: limit) == nil, let running = try? former(in: directory) {
            try records.write(Array(running.text.utf8), to: name)
        }
        try records.removeFormer([name])
    }

    /// A pid file that outlived its QEMU is recognized by the working directory of the process: QEMU runs inside the machine's directory.
    private static func isInside(_ directory: MachineDirectory, _ id: Int32) -> Bool {
        guard let own = Files.status(directory.path), let its = Files.status(FilePath("/proc/\(id)/cwd")) else { return false }
        return own.inode == its.inode && own.device == its.device
    }
}
