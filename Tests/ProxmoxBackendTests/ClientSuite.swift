import ApplianceModel
import Basics
import HostSystem
import MachineBackend
import SystemPackage
import TestSupport
import Testing

@testable import ProxmoxBackend

/// What a client can see of a machine's life, against whatever server there is. Everything that it makes is gone at its end.
struct ClientSuite {
    let backend: ProxmoxBackend
    let bridge: String
    let accelerator: Accelerator
    let directory: FilePath
    let deployment = DeploymentID.random()

    func run() async throws {
        let name = try #require(ApplianceName("pgkvm-test-\(deployment.rawValue.prefix(8))"))
        var spec = ApplianceSpec(name: name)
        spec.network.mode = .bridge
        spec.network.device = bridge
        spec.machine.vcpus = 1
        spec.machine.memory = .mebibytes(512)
        spec.machine.systemDisk.size = .gibibytes(4)
        spec.dataDisk.size = .gibibytes(1)
        let image = directory.appending("live.qcow2")
        _ = try await ProgramRunner.check("qemu-img", ["create", "-q", "-f", "qcow2", image.string, "1G"])
        let report = try await backend.checkHost(spec)
        #expect(report.findings.allPassed)
        let machineSpec = MachineSpec(
            deployment: deployment, name: name, cpu: CPUDecision(accelerator: accelerator, vcpus: 1, memory: spec.machine.memory),
            disk: try await backend.decideDisks(spec).0, network: try await backend.decideNetwork(spec, deployment: deployment),
            image: BaseImage(path: image.string, key: "live", format: .qcow2, firmware: .uefi), systemDisk: spec.machine.systemDisk,
            dataDiskSize: spec.dataDisk.size, adoptedDataDisk: nil)
        do {
            try await live(machineSpec)
        } catch {
            if let machine = try? await backend.find(deployment, name: name) { try? await backend.delete(machine) }
            throw error
        }
    }

    private func live(_ spec: MachineSpec) async throws {
        #expect(try await backend.find(deployment, name: spec.name) == nil)
        let machine = try await backend.create(spec)
        #expect(try await backend.create(spec) == machine)
        #expect(try await backend.find(deployment, name: spec.name) == machine)
        #expect(try await backend.powerState(of: machine) == .off)
        #expect(try await backend.processor(of: machine) == spec.cpu)
        #expect(try await backend.decideNetwork(ApplianceSpec.of(spec), deployment: deployment) == spec.network)
        let medium = directory.appending("live.iso")
        try Files.write([UInt8](repeating: 0, count: 65_536), to: medium)
        try await backend.attachSeed(medium, to: machine)
        #expect(try await backend.plannedMachine(of: machine)?.hasSeed == true)
        try await backend.start(machine)
        try await backend.start(machine)
        #expect(try await backend.powerState(of: machine) == .running)
        #expect(try await backend.endpoint(of: machine, service: .ssh) == nil)
        try await backend.growDataDisk(to: .gibibytes(2), of: machine)
        #expect(try await backend.dataDisk(of: machine) == .gibibytes(2))
        try await backend.detachSeed(from: machine)
        #expect(try await backend.plannedMachine(of: machine)?.hasSeed == false)
        try await backend.powerOff(machine)
        #expect(try await backend.powerState(of: machine) == .off)
        try await backend.setAutostart(true, of: machine)
        #expect(try await backend.autostart(of: machine) != .off)
        let stranger = MachineReference(backend: .proxmox, deployment: DeploymentID.random(), identifier: machine.identifier)
        // In another's name there is no such machine.
        try await backend.delete(stranger)
        #expect(try await backend.powerState(of: machine) == .off)
        try await backend.delete(machine)
        try await backend.delete(machine)
        #expect(try await backend.powerState(of: machine) == .absent)
        #expect(try await backend.find(deployment, name: spec.name) == nil)
    }
}

extension ApplianceSpec {
    fileprivate static func of(_ machine: MachineSpec) -> ApplianceSpec {
        var spec = ApplianceSpec(name: machine.name)
        spec.machine.vcpus = machine.cpu.vcpus
        spec.network.mode = .bridge
        spec.network.device = machine.network.device
        return spec
    }
}

@Suite("A client's view of a machine's life")
struct ClientSuiteTests {
    @Test("Is the same against the strict server", .server)
    func strict() async throws {
        try await Rig.run { rig in
            try await ClientSuite(backend: rig.backend, bridge: "vmbr0", accelerator: .kvm, directory: rig.server.directory).run()
            #expect(rig.machines.isEmpty && rig.seeds.isEmpty)
        }
    }

    /// `PVE_TEST_BRIDGE` (vmbr0), `PVE_TEST_STORAGE` (any) and `PVE_TEST_ACCELERATOR` (kvm) say more of the server.
    @Test(
        "Is the same against a real server",
        .enabled("set PVE_TEST_URL, PVE_TEST_TOKEN and PVE_TEST_CA to a Proxmox VE server, and it runs there") {
            ["PVE_TEST_URL", "PVE_TEST_TOKEN", "PVE_TEST_CA"].allSatisfy { EnvironmentVariable.value($0)?.isEmpty == false }
        })
    func live() async throws {
        func value(_ name: String) throws -> String { try #require(EnvironmentVariable.value(name)) }
        let token = try value("PVE_TEST_TOKEN")
        let connection = ProxmoxConnection(
            url: try value("PVE_TEST_URL"), trust: .authority(FilePath(try value("PVE_TEST_CA"))), storage: EnvironmentVariable.value("PVE_TEST_STORAGE"))
        let directory = try Files.createTemporaryDirectory(in: "/tmp", prefix: "pgkvm-live")
        defer { try? Files.remove(directory) }
        let backend = ProxmoxBackend(connection: connection, environment: { $0 == PVEToken.variable ? "\(connection.url) \(token)" : nil })
        let accelerator = EnvironmentVariable.value("PVE_TEST_ACCELERATOR") == "tcg" ? Accelerator.tcg : .kvm
        try await ClientSuite(backend: backend, bridge: EnvironmentVariable.value("PVE_TEST_BRIDGE") ?? "vmbr0", accelerator: accelerator, directory: directory)
            .run()
    }
}
