internal import ApplianceModel
internal import Basics
internal import MachineBackend

/// The parameters for creating a machine. Pure.
struct MachineParameters {
    let spec: MachineSpec
    /// The values that the machine's texts contain; nil when everything is chosen.
    var planned: PlannedValues?
    let vmid: String
    let store: String
    /// The volume of the uploaded image, such as `local:import/pgkvm-….qcow2`.
    let image: String
    let pool: String?
    /// How the disks' store reserves their space.
    var provisioning = Provisioning.thin
    /// The server's version: before 8.4 only root may give a machine a source of randomness.
    var release: PVERelease?

    /// The virtio drives of the system and of the data.
    static let systemDrive = "virtio0"
    static let dataDrive = "virtio1"
    /// The drive of the seed. It is neither IDE nor SATA: Debian's cloud kernel has no driver for q35's.
    static let seedDrive = "scsi1"
    static let systemSerial = "pgroot"

    /// In the order in which they are sent, the number first.
    /// - Throws: `input.invalid` for a value that Proxmox would interpret differently.
    func list() throws -> [PVECall.Parameter] {
        var list: [PVECall.Parameter] = []
        func add(_ name: String, _ value: String) { list.append(PVECall.Parameter(name: name, value: value)) }
        let aio = spec.disk.aio.rawValue
        let planned = planned ?? PlannedValues(of: spec)
        add("vmid", vmid)
        add("name", spec.name.rawValue)
        add(
            "description",
            MachineNote(name: spec.name.rawValue, deployment: planned.deployment.value ?? DeploymentID("\(planned.deployment)"), address: spec.network.address)
                .text)
        add("tags", MachineNote.tags)
        if let pool { add("pool", pool) }
        add("ostype", "l26")
        add("machine", "q35")
        add("smbios1", "uuid=\(planned.deployment.value?.uuid ?? Self.plannedUUID)")
        if spec.image.firmware == .uefi {
            add("bios", "ovmf")
            add("efidisk0", try PVEDrive(source: .firmware(store: store)).text())
        } else {
            add("bios", "seabios")
        }
        for parameter in Self.processor(spec.cpu) { add(parameter.name, parameter.value) }
        add("balloon", "0")
        add("scsihw", "virtio-scsi-single")
        add(Self.systemDrive, try PVEDrive(source: .image(store: store, volume: image), aio: aio, serial: Self.systemSerial).text())
        let size = Self.wholeGibibytes(spec.dataDiskSize)
        add(
            Self.dataDrive,
            try PVEDrive(
                source: .new(store: store, gibibytes: size), aio: aio, serial: MachineSpec.dataDiskSerial, givesBack: provisioning.givesBack, keepsZeros: true
            ).text())
        guard let bridge = spec.network.device else { throw Self.noBridge }
        add("net0", try PVECard(macAddress: planned.macAddress, bridge: bridge, queues: spec.network.queues ?? 1).text())
        add("boot", Self.bootOrder([Self.systemDrive]))
        add("agent", "enabled=1")
        // Keys and TLS need randomness from the first second on; the node's own source never runs dry.
        if release.map({ $0 >= PVERelease(major: 8, minor: 4) }) ?? true { add("rng0", "source=/dev/urandom") }
        add("serial0", "socket")
        add("vga", "serial0")
        return list
    }

    /// Processor and memory, for a new machine and for one that is resized.
    static func processor(_ cpu: CPUDecision) -> [PVECall.Parameter] {
        let isEmulated = cpu.accelerator == .tcg
        return [
            ("kvm", isEmulated ? "0" : "1"), ("cpu", isEmulated ? "max" : "host"), ("sockets", "1"), ("cores", "\(cpu.vcpus)"),
            ("memory", "\(cpu.memory.mebibytes)"),
            // A NUMA node for the memory of a large machine: the host's kernel can keep the memory together, and huge pages need it.
            ("numa", cpu.memory >= largeMemory ? "1" : "0"),
        ].map { PVECall.Parameter(name: $0.0, value: $0.1) }
    }

    /// A machine with at least this much memory is large.
    static let largeMemory = ByteSize.gibibytes(32)
    /// A placeholder for the UUID that will be made from the deployment's id.
    static let plannedUUID = "<the deployment id as a UUID: 8-4-4-4-12 digits>"

    static func bootOrder(_ drives: [String]) -> String { "order=" + drives.joined(separator: ";") }

    /// A new volume has whole gibibytes.
    static func wholeGibibytes(_ size: ByteSize) -> Int64 { (size.bytes + (1 << 30) - 1) >> 30 }

    /// A disk grows by whole mebibytes.
    static func wholeMebibytes(_ size: ByteSize) -> Int64 { (size.bytes + (1 << 20) - 1) >> 20 }

    static var noBridge: Failure {
        Failure(.unsupported, "a machine on Proxmox needs the name of a bridge", remedy: "set 'network.mode: bridge' and 'network.device: vmbr0'")
    }
}
