internal import ApplianceModel
internal import HostSystem
internal import MachineBackend
internal import Quoting
internal import SystemPackage

extension LibvirtHost {
    /// The best mode for the pool's disks: without the page cache, unless the pool's file system does not support that.
    func disks(vcpus: Int) async throws -> (DiskDecision, [Finding]) {
        let path = FilePath(try await volumes.directory())
        let node = try await virsh.run(["nodeinfo"])
        let ioThread = (Virsh.value("CPU(s)", in: node).flatMap { Int($0) } ?? 1) > vcpus
        guard choice.isThisHost, let fileSystem = try? FileSystems.name(at: path) else {
            let decision = DiskDecision(cacheDirect: true, aio: .native, ioThread: ioThread, fileSystem: "of another host")
            return (
                decision,
                [
                    Finding(
                        check: "host.storage", level: .warn, measured: "the storage pool '\(choice.pool)', whose file system cannot be seen from here",
                        expected: Self.expected,
                        remedy: "see that the pool lies on ext4 or XFS, on that host: findmnt --target \(ShellWord.quoted(path.string))")
                ]
            )
        }
        let direct = FileSystems.promisesDirectIO(at: path) ?? !["tmpfs", "fuse", "zfs"].contains(fileSystem)
        let decision = DiskDecision(cacheDirect: direct, aio: direct ? .native : .threads, ioThread: ioThread, fileSystem: fileSystem)
        let isGood = direct && !["btrfs", "nfs", "cifs"].contains(fileSystem)
        return (
            decision,
            [
                Finding(
                    check: "host.storage", level: isGood ? .pass : .warn,
                    measured: "\(fileSystem), O_DIRECT \(direct ? "is offered" : "refused"), aio=\(decision.aio.rawValue)", expected: Self.expected,
                    remedy: isGood ? nil : "prefer a pool on ext4 or XFS (machine.libvirt.pool)")
            ]
        )
    }

    private static let expected = "a local file system with O_DIRECT"
}
