package import ApplianceModel
internal import Basics
package import MachineBackend
internal import Quoting

/// The arguments of one QEMU process. Pure: no lookup, no I/O.
///
/// File names are relative, since QEMU runs inside the machine's directory: it does not need access to the directories above,
/// and socket paths stay short.
package struct QEMUCommandLine: Sendable {
    package var machine: QEMUMachine
    package var abilities: QEMUAbilities
    /// The values that the machine's texts contain.
    private let values: PlannedValues
    /// Number of empty PCIe root ports: q35 does not allow hot-plug on its root bus.
    package static let rootPorts = 2
    /// The nodes whose cache mode comes from the disk decision.
    static let decidedNodes = ["system-file", "system", "data-file", dataNode]
    /// The node that the data disk exposes.
    static let dataNode = "data"

    /// - Parameter values: nil when everything is chosen.
    package init(machine: QEMUMachine, abilities: QEMUAbilities, values: PlannedValues? = nil) {
        self.machine = machine
        self.abilities = abilities
        self.values = values ?? PlannedValues(of: machine.spec)
    }

    package var arguments: [String] {
        identity + processor + firmware + buses + systemDisk + dataDisk + seed + network + consoleAndMonitor + abilities.sandboxArguments
    }

    private var spec: MachineSpec { machine.spec }

    /// Devices of a PC from 1990 that no guest here needs: keyboard and mouse, timer and loudspeaker, and the interrupt controllers in front of
    /// the APIC. Each is code that a hostile guest could talk to. A boot loader started by a BIOS may count the ticks of that timer.
    private var absentDevices: String { spec.image.firmware == .uefi ? "i8042=off,pit=off,pic=off" : "i8042=off" }

    /// The position of each device on the root bus: the guest derives its device names from it, and they stay the same when other devices change.
    enum Slot: Int {
        case firstPort = 1
        case random = 5
        case system, data, network, agent

        var option: String { "addr=0x\(String(rawValue, radix: 16))" }
    }

    private var identity: [String] {
        [
            // `top` and `ps` show which database the process belongs to; the kernel keeps 15 bytes of the name.
            "-name", "guest=\(spec.name),process=\(Self.processName(of: spec.name)),debug-threads=on",
            "-uuid", values.deployment.value?.uuid ?? "\(values.deployment)",
            "-no-user-config", "-nodefaults", "-display", "none",
        ]
    }

    package static func processName(of name: ApplianceName) -> String { String("pg-\(name)".prefix(15)) }

    private var processor: [String] {
        let cpu = spec.cpu
        return [
            "-machine", "q35,accel=\(cpu.accelerator.rawValue),usb=off,vmport=off,smbus=off,sata=off,hpet=off,graphics=off,\(absentDevices)",
            "-cpu", cpu.accelerator == .kvm ? "host" : "max",
            "-smp", "cpus=\(cpu.vcpus),sockets=1,cores=\(cpu.vcpus),threads=1",
            "-m", "size=\(cpu.memory.mebibytes)M",
            // A separate device that exists for a trick of old Windows.
            "-global", "apic-common.vapic=off",
            "-rtc", "base=utc,clock=host",
        ]
    }

    private var firmware: [String] {
        guard spec.image.firmware == .uefi, let code = abilities.firmwareCode else { return [] }
        return [
            "-blockdev", "driver=file,node-name=firmware-code-file,filename=\(QEMUValue(code)),read-only=on",
            "-blockdev", "driver=raw,node-name=firmware-code,file=firmware-code-file,read-only=on",
            "-blockdev", "driver=file,node-name=firmware-variables-file,filename=\(MachineDirectory.Name.firmwareVariables)",
            "-blockdev", "driver=raw,node-name=firmware-variables,file=firmware-variables-file",
            "-machine", "pflash0=firmware-code,pflash1=firmware-variables",
        ]
    }

    private var buses: [String] {
        (0..<Self.rootPorts).flatMap {
            ["-device", "pcie-root-port,id=port\($0),bus=pcie.0,chassis=\($0 + 1),port=\($0),addr=0x\(Slot.firstPort.rawValue + $0)"]
        }
            + ["-object", "rng-random,id=rng0,filename=/dev/urandom", "-device", "virtio-rng-pci,rng=rng0,\(Slot.random.option)"]
    }

    /// The options of every disk's file node: cache and aio are always explicit, and a discard in the guest never gives back
    /// space that the host has promised.
    private func fileNode(_ name: String, file: String, direct: Bool, aio: DiskDecision.AIO) -> String {
        "driver=file,node-name=\(name),filename=\(file),cache.direct=\(direct ? "on" : "off"),cache.no-flush=off,aio=\(aio.rawValue),discard=ignore"
    }

    private var systemDisk: [String] {
        let direct = "cache.direct=\(spec.disk.cacheDirect ? "on" : "off"),cache.no-flush=off,discard=ignore"
        return [
            "-blockdev", fileNode("system-file", file: MachineDirectory.Name.systemDisk, direct: spec.disk.cacheDirect, aio: spec.disk.aio),
            "-blockdev", "driver=qcow2,node-name=system,file=system-file,\(direct)",
            "-device", "virtio-blk-pci,drive=system,id=system-disk,serial=system,bootindex=0,write-cache=on,werror=enospc,rerror=report,\(Slot.system.option)",
        ]
    }

    private var dataDisk: [String] {
        var arguments: [String] = []
        var threading = ""
        if spec.disk.ioThread {
            arguments += ["-object", "iothread,id=data-io"]
            threading = ",iothread=data-io"
        }
        return arguments + [
            "-blockdev", fileNode("data-file", file: MachineDirectory.Name.dataDisk, direct: spec.disk.cacheDirect, aio: spec.disk.aio),
            "-blockdev",
            "driver=raw,node-name=data,file=data-file,cache.direct=\(spec.disk.cacheDirect ? "on" : "off"),cache.no-flush=off,discard=ignore",
            "-device",
            "virtio-blk-pci,drive=data,id=data-disk,serial=\(MachineSpec.dataDiskSerial),discard=off,write-zeroes=off,write-cache=on,werror=enospc,rerror=report\(threading),\(Slot.data.option)",
        ]
    }

    private var seed: [String] {
        guard machine.hasSeed else { return [] }
        return [
            "-blockdev", fileNode("seed-file", file: MachineDirectory.Name.seed, direct: false, aio: .threads) + ",read-only=on",
            "-blockdev", "driver=raw,node-name=seed,file=seed-file,cache.direct=off,cache.no-flush=off,discard=ignore,read-only=on",
            "-device", "virtio-blk-pci,drive=seed,id=seed-disk,serial=seed,bus=port0",
        ]
    }

    private var network: [String] {
        let card = "virtio-net-pci,netdev=net0,id=net0-device,mac=\(values.macAddress),romfile=,\(Slot.network.option)"
        if PasstForwarding(spec.network, user: nil) != nil { return ["-netdev", PasstForwarding.netdev, "-device", card] }
        guard let handover = NetworkHandover(spec.network) else {
            let forwards = GuestService.allCases.map { "hostfwd=tcp:127.0.0.1:\(values.port(of: $0))-:\($0.port)" }.joined(separator: ",")
            return ["-netdev", "user,id=net0,ipv6=off,\(forwards)", "-device", card]
        }
        // One vector for each direction of each queue, one for the control queue, one for configuration changes.
        let queues = handover.queues > 1 ? ",mq=on,vectors=\(2 * handover.queues + 2)" : ""
        return ["-netdev", handover.netdev, "-device", card + queues] + agent
    }

    /// The agent through which the guest reports its address; where the host plans or forwards the address, the guest need not be asked.
    private var agent: [String] {
        guard spec.network.endpoint(.ssh) == nil else { return [] }
        return [
            "-device", "virtio-serial-pci,id=agent-bus,\(Slot.agent.option)",
            "-chardev", "socket,id=agent0,path=\(MachineDirectory.Name.agentSocket),server=on,wait=off",
            "-device", "virtserialport,bus=agent-bus.0,chardev=agent0,name=org.qemu.guest_agent.0",
        ]
    }

    private var consoleAndMonitor: [String] {
        MachineKeeper.consoleArguments + [
            "-chardev",
            "socket,id=serial0,path=\(MachineDirectory.Name.serialSocket),server=on,wait=off,logfile=\(MachineKeeper.consoleFile),logappend=on",
            "-serial", "chardev:serial0",
            "-chardev", "socket,id=monitor0,path=\(MachineDirectory.Name.monitorSocket),server=on,wait=off",
            "-mon", "chardev=monitor0,mode=control",
        ]
    }
}
