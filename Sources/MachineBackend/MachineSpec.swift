package import ApplianceModel
package import Basics

/// The identity of a deployment, chosen and journalled before anything is created: 32 hexadecimal digits.
package struct DeploymentID: Hashable, Sendable, Codable, CustomStringConvertible {
    package let rawValue: String

    package init(_ rawValue: String) { self.rawValue = rawValue }

    package static func random() -> DeploymentID {
        var generator = SystemRandomNumberGenerator()
        let halves = (0..<2).map { _ in generator.next() as UInt64 }
        return DeploymentID(halves.map { String($0 | 1 << 63, radix: 16) }.joined())
    }

    package var description: String { rawValue }

    /// The UUID that the firmware and the hypervisor show for the machine.
    package var uuid: String {
        let digits = Array(rawValue)
        guard digits.count == 32 else { return rawValue }
        return [0..<8, 8..<12, 12..<16, 16..<20, 20..<32].map { String(digits[$0]) }.joined(separator: "-")
    }

    /// A stable MAC address from QEMU's locally administered range.
    package var macAddress: String {
        let digits = Array(rawValue.suffix(6))
        let pairs = stride(from: 0, to: digits.count, by: 2).map { String(digits[$0..<min($0 + 2, digits.count)]) }
        return (["52", "54", "00"] + pairs).joined(separator: ":")
    }
}

/// The guest's processor: decided by `configure-cpu`.
package struct CPUDecision: Sendable, Equatable, Codable {
    package let accelerator: Accelerator
    package let vcpus: Int
    package let memory: ByteSize

    package init(accelerator: Accelerator, vcpus: Int, memory: ByteSize) {
        self.accelerator = accelerator
        self.vcpus = vcpus
        self.memory = memory
    }
}

/// How the host accesses the disks: decided by `configure-disk` from probes on the file system that will hold them.
package struct DiskDecision: Sendable, Equatable, Codable {
    /// How QEMU submits requests.
    package enum AIO: String, Sendable, Codable, CaseIterable { case native, ioUring = "io_uring", threads }

    /// Whether the host's page cache is bypassed (the file system supports O_DIRECT).
    package let cacheDirect: Bool
    package let aio: AIO
    /// Whether the data disk has its own I/O thread.
    package let ioThread: Bool
    /// The name of the file system, from `statfs(2)`.
    package let fileSystem: String
    /// Where the platform puts the machine; nil where there is no choice.
    package let place: MachinePlace?

    package init(cacheDirect: Bool, aio: AIO, ioThread: Bool, fileSystem: String, place: MachinePlace? = nil) {
        self.cacheDirect = cacheDirect
        self.aio = aio
        self.ioThread = ioThread
        self.fileSystem = fileSystem
        self.place = place
    }
}

/// The cluster node and the stores that a new machine was given: decided once, even if the cluster changes later.
package struct MachinePlace: Sendable, Equatable, Codable {
    package let node: String
    package let storage: String
    package let imageStorage: String
    package let mediaStorage: String

    package init(node: String, storage: String, imageStorage: String, mediaStorage: String) {
        self.node = node
        self.storage = storage
        self.imageStorage = imageStorage
        self.mediaStorage = mediaStorage
    }
}

/// How the guest reaches the network and the host reaches the guest: decided by `configure-network`, kept for the machine's lifetime.
package struct NetworkDecision: Sendable, Equatable, Codable {
    package let mode: ApplianceSpec.Network.Mode
    package let macAddress: String
    /// Ports of 127.0.0.1 with user networking, otherwise the guest's own ports.
    package let sshPort: UInt16
    package let postgresqlPort: UInt16
    /// The host's bridge or tap device; nil with user networking.
    package let device: String?
    /// The guest's own address; nil with user networking, and where only the guest knows its address.
    package let address: IPv4Address?
    /// The number of queues of the guest's card, 1 or more; nil means one.
    package let queues: Int?
    /// Whether the host's kernel moves the packets itself (vhost); nil means no.
    package let usesVhost: Bool?
    /// The forwarder of user networking; nil means slirp.
    package let forwarder: ApplianceSpec.Network.Forwarder?

    package init(
        mode: ApplianceSpec.Network.Mode, macAddress: String, sshPort: UInt16, postgresqlPort: UInt16, device: String? = nil, address: IPv4Address? = nil,
        queues: Int? = nil, usesVhost: Bool? = nil, forwarder: ApplianceSpec.Network.Forwarder? = nil
    ) {
        self.mode = mode
        self.macAddress = macAddress
        self.sshPort = sshPort
        self.postgresqlPort = postgresqlPort
        self.device = device
        self.address = address
        self.queues = queues
        self.usesVhost = usesVhost
        self.forwarder = forwarder
    }

    /// Where the host reaches a service; nil where only the guest knows its address.
    package func endpoint(_ service: GuestService) -> Endpoint? {
        guard let host = mode == .user ? "127.0.0.1" : address?.description else { return nil }
        return Endpoint(host: host, port: port(of: service))
    }

    package func port(of service: GuestService) -> UInt16 { service == .ssh ? sshPort : postgresqlPort }

    /// The ports of this host's loopback interface that belong to the machine.
    package var hostPorts: Set<UInt16> { mode == .user ? [sshPort, postgresqlPort] : [] }
}

/// What a backend needs to know about the base image.
package struct BaseImage: Sendable, Equatable, Codable {
    package enum Format: String, Sendable, Codable { case raw, qcow2 }
    package enum Firmware: String, Sendable, Codable { case uefi, bios }

    /// An absolute path.
    package let path: String
    package let key: String
    package let format: Format
    package let firmware: Firmware

    package init(path: String, key: String, format: Format, firmware: Firmware) {
        self.path = path
        self.key = key
        self.format = format
        self.firmware = firmware
    }
}

/// The specification of a machine, complete and with all decisions made, so that a backend only has to carry it out.
package struct MachineSpec: Sendable, Equatable, Codable {
    package let deployment: DeploymentID
    package let name: ApplianceName
    package let cpu: CPUDecision
    package let disk: DiskDecision
    package let network: NetworkDecision
    package let image: BaseImage
    package let systemDisk: ApplianceSpec.SystemDisk
    package let dataDiskSize: ByteSize
    /// The raw disk of a former appliance, which is taken over instead of making a new one; an absolute path.
    package let adoptedDataDisk: String?

    package init(
        deployment: DeploymentID, name: ApplianceName, cpu: CPUDecision, disk: DiskDecision, network: NetworkDecision, image: BaseImage,
        systemDisk: ApplianceSpec.SystemDisk, dataDiskSize: ByteSize, adoptedDataDisk: String?
    ) {
        self.deployment = deployment
        self.name = name
        self.cpu = cpu
        self.disk = disk
        self.network = network
        self.image = image
        self.systemDisk = systemDisk
        self.dataDiskSize = dataDiskSize
        self.adoptedDataDisk = adoptedDataDisk
    }

    /// The same machine with another processor or memory, or a larger data disk.
    package func resized(cpu: CPUDecision, dataDisk: ByteSize) -> MachineSpec {
        MachineSpec(
            deployment: deployment, name: name, cpu: cpu, disk: disk, network: network, image: image, systemDisk: systemDisk, dataDiskSize: dataDisk,
            adoptedDataDisk: adoptedDataDisk)
    }

    /// The serial by which the guest finds the data disk: `/dev/disk/by-id/virtio-pgdata`.
    package static let dataDiskSerial = "pgdata"
}
