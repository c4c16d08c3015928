import ApplianceModel
import Basics
import HostSystem
import MachineBackend
import SystemPackage
import TestSupport

@testable import LibvirtBackend

/// A libvirt daemon with a tiny base image and the means to make machines on it.
struct Bench: Sendable {
    let directory: FilePath
    let daemon: LibvirtDaemon

    var state: StateDirectory { StateDirectory(path: directory.appending("state")) }
    var backend: LibvirtBackend { backend() }

    /// - Parameter uri: nil is the daemon's own socket.
    func backend(pool: String = "default", uri: String? = nil) -> LibvirtBackend {
        var choice = ApplianceSpec.Libvirt()
        choice.uri = uri ?? daemon.uri
        choice.pool = pool
        return LibvirtBackend(choice, state: state)
    }

    static func with(hasKVM: Bool = true, _ body: @Sendable (Bench) async throws -> Void) async throws {
        let directory = try Files.createTemporaryDirectory(in: "/tmp", prefix: "pgkvm-libvirt")
        defer { try? Files.remove(directory) }
        try Files.createDirectory(directory.appending("state"))
        try Files.write([UInt8](repeating: 7, count: 1 << 20), to: directory.appending("image.raw"))
        _ = try await ProgramRunner.check(
            "qemu-img", ["convert", "-O", "qcow2", "-f", "raw", directory.appending("image.raw").string, directory.appending("image.qcow2").string])
        try await LibvirtDaemon.with(hasKVM: hasKVM) { daemon in try await body(Bench(directory: directory, daemon: daemon)) }
    }

    /// What `deploy` would ask for, under emulation.
    func applianceSpec(_ name: String = "orders", mode: ApplianceSpec.Network.Mode = .nat, device: String? = "default") throws -> ApplianceSpec {
        guard let name = ApplianceName(name) else { throw Failure(.invalidInput, name) }
        var spec = ApplianceSpec(name: name)
        spec.machine.backend = .libvirt
        spec.machine.accelerator = .tcg
        spec.network.mode = mode
        spec.network.device = device
        return spec
    }

    /// A machine that fits: a disk of 64 MiB, as little memory as firmware needs.
    func spec(_ name: ApplianceName, format: BaseImage.Format = .qcow2, device: String? = nil, mode: ApplianceSpec.Network.Mode = .nat) async throws
        -> MachineSpec
    {
        var wanted = try applianceSpec(name.rawValue, mode: .user, device: nil)
        wanted.machine.systemDisk.size = .mebibytes(16)
        let deployment = DeploymentID.random()
        return MachineSpec(
            deployment: deployment, name: name, cpu: CPUDecision(accelerator: .tcg, vcpus: 2, memory: .mebibytes(128)),
            disk: DiskDecision(cacheDirect: true, aio: .native, ioThread: true, fileSystem: "ext4"),
            network: try network(device, mode, deployment),
            image: BaseImage(path: directory.appending(format == .raw ? "image.raw" : "image.qcow2").string, key: "key", format: format, firmware: .uefi),
            systemDisk: wanted.machine.systemDisk, dataDiskSize: .mebibytes(64), adoptedDataDisk: nil)
    }

    private func network(_ device: String?, _ mode: ApplianceSpec.Network.Mode, _ deployment: DeploymentID) throws -> NetworkDecision {
        if let device {
            return NetworkDecision(mode: mode, macAddress: deployment.macAddress, sshPort: 22, postgresqlPort: 5432, device: device, queues: 2)
        }
        return NetworkDecision(
            mode: .user, macAddress: deployment.macAddress, sshPort: try Sockets.pickFreePort(), postgresqlPort: try Sockets.pickFreePort())
    }
}
