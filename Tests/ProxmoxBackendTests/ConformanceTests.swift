import ApplianceModel
import Basics
import MachineBackend
import Synchronization
import SystemPackage
import TestSupport
import Testing

@testable import ProxmoxBackend

@Suite("Proxmox VE keeps what every platform promises", .server)
struct ConformanceTests {
    @Test("A promise of every platform", arguments: BackendConformance.allCases)
    func hold(promise: BackendConformance) async throws {
        try await Rig.run { rig in
            let server = rig.server
            // What the server has of machines and media; the image stays for the next one.
            let everything: @Sendable () async throws -> [String] = {
                server.model.withLock { model in
                    (model.machines.keys.map { "VM \($0)" } + model.files.keys.filter { $0.contains("iso/") }).sorted()
                }
            }
            let address = IPv4Address(192, 168, 1, 20)
            let base = rig.machineSpec(address: address, data: .gibibytes(2))
            try await promise.hold(
                BackendBench(
                    backend: rig.backend, directory: server.directory, absentIdentifier: "4711",
                    spec: { name in
                        let deployment = DeploymentID.random()
                        let network = NetworkDecision(
                            mode: .bridge, macAddress: deployment.macAddress, sshPort: 22, postgresqlPort: 5432, device: "vmbr0", address: address, queues: 2)
                        return MachineSpec(
                            deployment: deployment, name: name, cpu: base.cpu, disk: base.disk, network: network, image: base.image,
                            systemDisk: base.systemDisk, dataDiskSize: base.dataDiskSize, adoptedDataDisk: nil)
                    }, everything: everything))
        }
    }
}
