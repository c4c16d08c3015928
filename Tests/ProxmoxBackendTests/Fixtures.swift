import ApplianceModel
import Basics
import Crypto
import HostSystem
import MachineBackend
import Synchronization
import SystemPackage
import TestSupport
import Testing

@testable import ProxmoxBackend

/// A wanted appliance and what there is to make it of, against a `PVEServer`.
struct Rig {
    let server: PVEServer
    let backend: ProxmoxBackend
    let connection: ProxmoxConnection
    let spec: ApplianceSpec
    let deployment: DeploymentID
    let image: FilePath

    /// Runs `body` with a server of its own.
    static func run<Value: Sendable>(
        _ model: PVEModel = PVEModel(), version: PVESchema.Version = .pve9, change: (inout ProxmoxConnection) -> Void = { _ in },
        _ body: (Rig) async throws -> Value
    ) async throws -> Value {
        try await PVEServer.with(model, version: version) { server in try await body(try Rig(server, change: change)) }
    }

    init(
        _ server: PVEServer, token: String = PVEServer.token, trust: ProxmoxConnection.Trust? = nil, change: (inout ProxmoxConnection) -> Void = { _ in },
        report: @escaping @Sendable (String) -> Void = { _ in }
    ) throws {
        var connection = ProxmoxConnection(url: server.url, trust: trust ?? .authority(server.authority))
        change(&connection)
        self.server = server
        self.connection = connection
        backend = ProxmoxBackend(
            connection: connection, environment: { $0 == PVEToken.variable ? "\(server.url) \(token)" : nil }, timing: Self.timing, report: report)
        spec = Self.spec()
        deployment = DeploymentID("0123456789abcdef0123456789abcdef")
        image = server.directory.appending("base.qcow2")
        if !Files.exists(image) { try Files.write(Self.qcow2(size: 2 << 30), to: image) }
    }

    /// Short pauses; the limits stay long, since a slow host is no fault.
    static var timing: PVETiming {
        var timing = PVETiming()
        timing.firstPause = .milliseconds(2)
        timing.longestPause = .milliseconds(10)
        timing.outage = .zero
        return timing
    }

    static func spec(bridge: String = "vmbr0") -> ApplianceSpec {
        guard let name = ApplianceName("orders") else { preconditionFailure("a good name") }
        var spec = ApplianceSpec(name: name)
        spec.network.mode = .bridge
        spec.network.device = bridge
        return spec
    }

    /// The head of an image of that size, and some bytes.
    static func qcow2(size: Int64) -> [UInt8] {
        var bytes: [UInt8] = [0x51, 0x46, 0x49, 0xfb, 0, 0, 0, 3] + [UInt8](repeating: 0, count: 16)
        bytes += (0..<8).reversed().map { UInt8(truncatingIfNeeded: size >> ($0 * 8)) }
        return bytes + (0..<100_000).map { UInt8(truncatingIfNeeded: $0 * 7) }
    }

    var machineSpec: MachineSpec { machineSpec() }

    func machineSpec(
        name: ApplianceName? = nil, deployment: DeploymentID? = nil, firmware: BaseImage.Firmware = .uefi, accelerator: Accelerator = .kvm,
        address: IPv4Address? = nil, vcpus: Int = 2,
        bridge: String = "vmbr0", data: ByteSize = .gibibytes(10), format: BaseImage.Format = .qcow2, disk: DiskDecision? = nil
    ) -> MachineSpec {
        let deployment = deployment ?? self.deployment
        return MachineSpec(
            deployment: deployment, name: name ?? spec.name, cpu: CPUDecision(accelerator: accelerator, vcpus: vcpus, memory: .gibibytes(2)),
            disk: disk ?? DiskDecision(cacheDirect: true, aio: .native, ioThread: true, fileSystem: "dir"),
            network: NetworkDecision(
                mode: .bridge, macAddress: deployment.macAddress, sshPort: 22, postgresqlPort: 5432, device: bridge, address: address, queues: vcpus,
                usesVhost: true),
            image: BaseImage(path: image.string, key: "key", format: format, firmware: firmware), systemDisk: spec.machine.systemDisk, dataDiskSize: data,
            adoptedDataDisk: nil)
    }

    /// A seed to be taken over.
    func seed(_ text: String = "seed") throws -> FilePath {
        let path = server.directory.appending("medium.iso")
        try Files.write(text, to: path)
        return path
    }

    /// The whole way to a running machine.
    func deploy() async throws -> MachineReference {
        let machine = try await backend.create(machineSpec)
        try await backend.attachSeed(seed(), to: machine)
        try await backend.start(machine)
        return machine
    }

    var machines: [Int: PVEModel.Machine] { server.model.withLock { $0.machines } }
    var ours: [Int: PVEModel.Machine] { machines.filter { $0.value.config["description"]?.contains("pgkvm-deployment: \(deployment)") == true } }
    var files: [String] { server.model.withLock { $0.files.keys.sorted() } }
    var seeds: [String] { files.filter { $0.contains("iso/pgkvm-seed") } }
    func change(_ body: @Sendable (inout PVEModel) -> Void) { server.model.withLock { body(&$0) } }
}

/// Somebody else's machine.
func stranger(name: String = "payroll", node: String = "pve1", tags: String = "prod") -> PVEModel.Machine {
    PVEModel.Machine(node: node, config: ["name": name, "tags": tags, "virtio0": "local:100/vm-100-disk-0.raw,size=1G"], state: "running")
}

/// The failure of a call.
func failure(_ body: () async throws -> Void) async -> Failure? {
    do {
        try await body()
        return nil
    } catch {
        return error as? Failure
    }
}

extension Trait where Self == ConditionTrait {
    static var server: Self { .enabled("needs socat, openssl and curl") { PVEServer.isAvailable } }
}
