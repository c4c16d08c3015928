internal import ApplianceModel
internal import Basics
internal import FoundationEssentials
internal import HostSystem
internal import MachineBackend
internal import Quoting
internal import SystemPackage

/// Chooses cache mode, aio and I/O thread for the disks in a directory, by trying them there with the installed QEMU.
enum DiskProbe {
    static func decide(directory: FilePath, abilities: QEMUAbilities, vcpus: Int, hostCPUs: Int) async throws -> (DiskDecision, [Finding]) {
        let fileSystem = try FileSystems.name(at: directory)
        let direct = try FileSystems.supportsDirectIO(at: directory)
        let usable = try await usableModes(directory: directory, direct: direct, abilities: abilities)
        return try choose(fileSystem: fileSystem, direct: direct, usable: usable, vcpus: vcpus, hostCPUs: hostCPUs)
    }

    /// The rules, apart from the probes.
    ///
    /// Native needs O_DIRECT, and files on ZFS and Btrfs perform better with threads and the page cache (as Incus does); io_uring
    /// hangs or fails on CIFS (as Proxmox found). An I/O thread is worth its context switches only with its own core.
    static func choose(
        fileSystem: String, direct: Bool, usable: Set<DiskDecision.AIO>, vcpus: Int, hostCPUs: Int
    ) throws -> (DiskDecision, [Finding]) {
        let copyOnWrite = ["zfs", "btrfs"].contains(fileSystem)
        let cacheDirect = direct && !copyOnWrite
        let preference: [DiskDecision.AIO] =
            copyOnWrite || fileSystem == "cifs" ? [.threads] : cacheDirect ? [.native, .ioUring, .threads] : [.ioUring, .threads]
        guard let aio = preference.first(where: usable.contains) else {
            throw Failure(.machineProbeFailed, "QEMU can open no disk on this '\(fileSystem)' file system")
        }
        let decision = DiskDecision(cacheDirect: cacheDirect, aio: aio, ioThread: hostCPUs > vcpus, fileSystem: fileSystem)
        return (decision, [finding(for: decision, direct: direct)])
    }

    private static func finding(for decision: DiskDecision, direct: Bool) -> Finding {
        let measured = "\(decision.fileSystem), O_DIRECT \(direct ? "works" : "refused"), aio=\(decision.aio.rawValue)"
        let warning: String? =
            switch decision.fileSystem {
            case "tmpfs": "tmpfs loses the database when the host stops: use it for trials only, and set PGKVM_HOME to a disk for anything else"
            case "zfs", "btrfs": "copy-on-write files have long write tails: prefer ext4 or XFS for the state directory (PGKVM_HOME)"
            case "cifs", "nfs", "fuse": "a network or user-space file system decides the durability of commits: prefer a local disk (PGKVM_HOME)"
            default: direct ? nil : "without O_DIRECT the host's page cache holds every page twice: prefer ext4 or XFS (PGKVM_HOME)"
            }
        return Finding(
            check: "host.storage", level: warning == nil ? .pass : .warn, measured: measured, expected: "a local file system with O_DIRECT",
            remedy: warning)
    }

    /// Opens a small file there in each mode, with the rights and the sandbox of a machine's QEMU.
    private static func usableModes(directory: FilePath, direct: Bool, abilities: QEMUAbilities) async throws -> Set<DiskDecision.AIO> {
        let user = try await QEMUUser.example()
        let folder = try Files.createTemporaryDirectory(in: directory, prefix: ".aio-probe")
        defer { try? Files.remove(folder) }
        try Files.write([UInt8](repeating: 0, count: 65_536), to: folder.appending("disk"))
        for path in [folder.appending("disk"), folder] { try user.own(path) }
        let candidates = DiskDecision.AIO.allCases.filter { direct || $0 != .native }
        var input = #"{"execute":"qmp_capabilities"}"# + "\n"
        for mode in candidates {
            let options: [String: JSONValue] = [
                "driver": .string("file"), "node-name": .string("probe-\(mode.rawValue.replacing("_", by: "-"))"),
                "filename": .string("disk"), "aio": .string(mode.rawValue), "read-only": .bool(true),
                "cache": .object(["direct": .bool(direct)]),
            ]
            let command: JSONValue = .object([
                "execute": .string("blockdev-add"), "arguments": .object(options), "id": .string(mode.rawValue),
            ])
            input += String(decoding: try JSONEncoder().encode(command), as: UTF8.self) + "\n"
        }
        input += #"{"execute":"quit"}"#
        let command =
            try user.command + ["-machine", "none", "-nodefaults", "-no-user-config", "-display", "none", "-qmp", "stdio"]
            + abilities.sandboxArguments
        let result = try await ProgramRunner.check(command[0], Array(command.dropFirst()), input: Array(input.utf8), workingDirectory: folder)
        let accepted = result.outputText.split(whereSeparator: \.isNewline).compactMap { line -> String? in
            guard let answer = try? JSONDecoder().decode(JSONValue.self, from: Data(line.utf8)), answer["return"] != nil else { return nil }
            return answer["id"]?.string
        }
        return Set(accepted.compactMap(DiskDecision.AIO.init))
    }
}
