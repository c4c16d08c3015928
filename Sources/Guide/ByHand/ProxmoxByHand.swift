internal import ApplianceModel
internal import Basics
internal import Deployment
internal import MachineBackend

/// Proxmox VE by hand. Its sizes are whole GiB. The cloud-init medium goes to a SCSI drive, because Debian's cloud kernel has no driver for the IDE
/// drive of a q35 machine.
enum ProxmoxByHand {
    static func lines(_ stop: StopID, _ subject: ByHandSubject) -> [String] {
        let name = subject.spec.name.rawValue
        let thread = subject.usesIOThread ? ",iothread=1" : ""
        let mode = "cache=\(subject.cache),aio=\(subject.aio)\(thread)"
        let data = subject.spec.dataDisk.size
        switch stop {
        case .host: return ["pveversion", "pvesm status --content images", "pvesh get /nodes/$(hostname)/status"]
        case .disk:
            return ["# the data disk; VMID is the machine's number, STORAGE a storage of 'pvesm status'"]
                + ShellLines.command(["qm", "set", "VMID", "--virtio1", "STORAGE:\(gibibytes(data)),\(mode),serial=pgdata"])
                + ["# the system disk, from an image file"]
                + ShellLines.command([
                    "qm", "set", "VMID", "--virtio0", "STORAGE:0,import-from=/ROOT/IMAGE.qcow2,\(mode),serial=system", "--boot", "order=virtio0",
                ])
                + ["qm resize VMID virtio0 \(gibibytes(subject.spec.machine.systemDisk.size))G"]
        case .cpu:
            let machine = subject.spec.machine
            let cpu = subject.usesKVM ? ["--cpu", "host"] : ["--cpu", "max", "--kvm", "0"]
            return ShellLines.command(
                ["qm", "set", "VMID"] + cpu + ["--sockets", "1", "--cores", "\(machine.vcpus)", "--memory", "\(machine.memory.mebibytes)", "--balloon", "0"])
        case .network: return ["# vmbr0 is the bridge of an ordinary installation", "qm set VMID --net0 virtio,bridge=vmbr0"]
        case .image:
            return ["# the seed, a medium labelled 'cidata', in the directory of ISO images"]
                + ["cp seed.iso /var/lib/vz/template/iso/\(name)-seed.iso"]
                + ShellLines.command(["qm", "set", "VMID", "--scsihw", "virtio-scsi-single", "--scsi1", "local:iso/\(name)-seed.iso,media=cdrom"])
                + ["# UEFI, as the image of pgkvm needs it; keys for secure boot stay out"]
                + ShellLines.command(["qm", "set", "VMID", "--bios", "ovmf", "--efidisk0", "STORAGE:1,efitype=4m,pre-enrolled-keys=0"])
        case .review:
            return ["# the machine; then what each stop before adds to it with 'qm set'"]
                + ShellLines.command(["qm", "create", "VMID", "--name", name, "--machine", "q35", "--ostype", "l26", "--serial0", "socket", "--vga", "serial0"])
                + ["qm start VMID"]
        case .postgresql: return []
        }
    }

    private static func gibibytes(_ size: ByteSize) -> Int64 { (size.bytes + (1 << 30) - 1) >> 30 }
}
