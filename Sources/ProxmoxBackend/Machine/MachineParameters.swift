internal import ApplianceModel
internal import Basics
internal import MachineBackend

/// The parameters by which a machine is made. Pure.
struct MachineParameters {
    let spec: MachineSpec
    /// What the machine's texts are made of; nil where everything is chosen.
    var planned: PlannedValues?
    let vmid: String
    let store: String
    /// The volume of the uploaded image, such as `local:import/pgkvm-….qcow2`.
    let image: String
    let pool: String?
    /// What the store of the disks does with their space.
    var provisioning = Provisioning.thin
    /// Of the server: before 8.4 only root may give a machine a source of randomness.
    var release: PVERelease?

    /// The virtio drive of the system, and that of the data.
    static let systemDrive = "virtio0"
    static let dataDrive = "virtio1"
    /// The drive of the seed. Not IDE and not SATA: Debian's cloud kernel has no driver for q35's.
    static let seedDrive = "scsi1"
    static let systemSerial = "pgroot"

    /// In the order in which they are sent, the number first.
    /// - Throws: `input.invalid` for a value that Proxmox would read as something else.
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
        // Keys and TLS want randomness from the first second on; the node's own never runs dry.
        if release.map({ $0 >= PVERelease(major: 8, minor: 4) }) ?? true { add("rng0", "source=/dev/urandom") }
        add("serial0", "socket")
        add("vga", "serial0")
        return list
    }

    /// Processor and memory, for a new machine and for one that gets others.
    static func processor(_ cpu: CPUDecision) -> [PVECall.Parameter] {
        let isEmulated = cpu.accelerator == .tcg
        return [
            ("kvm", isEmulated ? "0" : "1"), ("cpu", isEmulated ? "max" : "host"), ("sockets", "1"), ("cores", "\(cpu.vcpus)"),
            ("memory", "\(cpu.memory.mebibytes)"),
            // The memory of a large machine as a node of its own: the host's kernel can keep it together, and huge pages need it.
            ("numa", cpu.memory >= largeMemory ? "1" : "0"),
        ].map { PVECall.Parameter(name: $0.0, value: $0.1) }
    }

    /// From here on a machine is large.
    static let largeMemory = ByteSize.gibibytes(32)
    /// Stands for the UUID that the deployment's id will make.
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
