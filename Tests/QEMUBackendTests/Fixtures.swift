import ApplianceModel
import Basics
import Foundation
import HostSystem
import MachineBackend
import SystemPackage
import TestSupport
import Testing

@testable import QEMUBackend

/// A machine as `create-machine` would want it, small.
func makeMachineSpec(_ name: String = "orders", _ change: (inout SpecParts) -> Void = { _ in }) throws -> MachineSpec {
    var parts = SpecParts()
    change(&parts)
    return MachineSpec(
        deployment: parts.deployment, name: try #require(ApplianceName(name)),
        cpu: CPUDecision(accelerator: parts.accelerator, vcpus: 2, memory: parts.memory),
        disk: DiskDecision(cacheDirect: parts.direct, aio: parts.aio, ioThread: parts.ioThread, fileSystem: "ext4"),
        network: parts.network
            ?? NetworkDecision(
                mode: .user, macAddress: parts.deployment.macAddress, sshPort: parts.ports.ssh, postgresqlPort: parts.ports.postgresql),
        image: BaseImage(path: parts.image, key: "key", format: parts.format, firmware: parts.firmware), systemDisk: parts.systemDisk,
        dataDiskSize: parts.dataSize, adoptedDataDisk: parts.adopted)
}

struct SpecParts {
    var deployment = DeploymentID("0123456789abcdef0123456789abcdef")
    var accelerator = Accelerator.tcg
    var memory = ByteSize.mebibytes(2048)
    var direct = true
    var aio = DiskDecision.AIO.native
    var ioThread = false
    var ports: (ssh: UInt16, postgresql: UInt16) = (10_022, 15_432)
    /// Nil is user networking with `ports`.
    var network: NetworkDecision?
    var image = "/nowhere/image.qcow2"
    var format = BaseImage.Format.qcow2
    var firmware = BaseImage.Firmware.uefi
    var systemDisk = ApplianceSpec.SystemDisk()
    var dataSize = ByteSize.gibibytes(1)
    var adopted: String?
}

/// A state directory with a tiny base image in it, and the means to make machines there.
struct Workbench: Sendable {
    let directory: FilePath
    var state: StateDirectory { StateDirectory(path: directory.appending("state")) }
    var image: FilePath { directory.appending("image.qcow2") }
    var rawImage: FilePath { directory.appending("image.raw") }
    var backend: QEMUBackend { QEMUBackend(state: state, program: PGKVMHome.program.string) }

    static func with<Value>(_ body: (Workbench) async throws -> Value) async throws -> Value {
        let bench = Workbench(directory: try Files.createTemporaryDirectory(in: "/tmp", prefix: "pgkvm-qemu"))
        defer { try? Files.remove(bench.directory) }
        try Files.createDirectory(bench.state.path)
        try Files.write([UInt8](repeating: 7, count: 1 << 20), to: bench.rawImage)
        _ = try await ProgramRunner.check("qemu-img", ["convert", "-O", "qcow2", "-f", "raw", bench.rawImage.string, bench.image.string])
        do {
            let value = try await body(bench)
            try await bench.endMachines()
            return value
        } catch {
            try await bench.endMachines()
            throw error
        }
    }

    /// A machine that fits here: free ports, a disk of 64 MiB, as little memory as firmware needs.
    func spec(_ name: String = "orders", _ change: (inout SpecParts) -> Void = { _ in }) throws -> MachineSpec {
        let ssh = try Sockets.pickFreePort()
        let postgresql = try Sockets.pickFreePort(excluding: [ssh])
        return try makeMachineSpec(name) { parts in
            parts.deployment = .random()
            parts.memory = .mebibytes(128)
            parts.aio = .threads
            parts.ports = (ssh, postgresql)
            parts.image = image.string
            parts.systemDisk.size = .mebibytes(16)
            parts.dataSize = .mebibytes(64)
            change(&parts)
        }
    }

    func machineDirectory(_ name: String = "orders") throws -> MachineDirectory {
        state.appliance(try #require(ApplianceName(name))).machine()
    }

    /// What a start runs, with other arguments of QEMU's.
    func command(_ name: String = "orders", changing change: ([String]) throws -> [String] = { $0 }) async throws -> [String] {
        let record = try #require(try QEMUMachine.load(from: machineDirectory(name)))
        return try backend.command(of: record, abilities: try await .probe(), user: .chosen(.of(record)), changing: change)
    }

    /// Ends what a failed test left running.
    private func endMachines() async throws {
        for entry in try Files.list(state.path) {
            guard let name = ApplianceName(entry) else { continue }
            while let process = try QEMUProcess.id(in: state.appliance(name).machine()) {
                try ProcessTable.kill(process)
                try await Task.sleep(for: .milliseconds(20))
            }
        }
    }
}

/// Waits until something is so; the suite's own limit ends a wait that is in vain.
func eventually(_ condition: () async throws -> Bool) async throws {
    while try await !condition() { try await Task.sleep(for: .milliseconds(50)) }
}
