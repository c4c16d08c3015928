internal import ApplianceModel
internal import Basics
internal import Deployment
internal import MachineBackend

/// libvirt by hand: the options of one `virt-install`, stop by stop, and virsh for an existing machine.
enum LibvirtByHand {
    private static let images = "/var/lib/libvirt/images"

    static func lines(_ stop: StopID, _ subject: ByHandSubject) -> [String] {
        let name = subject.spec.name.rawValue
        switch stop {
        case .host: return ["virt-host-validate qemu", "virsh nodeinfo", "virsh pool-info default", "virsh domcapabilities --virttype kvm"]
        case .disk:
            return ["# space for the whole data disk, reserved at once"]
                + ShellLines.command([
                    "virsh", "vol-create-as", "default", "\(name)-data.raw", "\(subject.spec.dataDisk.size.bytes)", "--format", "raw", "--allocation",
                    "\(subject.spec.dataDisk.size.bytes)",
                ])
                + ["# options of virt-install"] + ShellLines.command(["virt-install"] + disks(subject))
                + ["# or for a machine that is there"] + attach(subject)
        case .cpu: return ["# options of virt-install"] + ShellLines.command(["virt-install"] + processor(subject))
        case .network:
            return ["# options of virt-install; the network 'default' is libvirt's own, with NAT"]
                + ShellLines.command(["virt-install"] + network) + ["# where the guest is reached, once it runs", "virsh domifaddr \(name)"]
        case .image:
            return ["# the seed, a medium labelled 'cidata', as for QEMU; then options of virt-install"]
                + ShellLines.command(["virt-install"] + seed(subject))
        case .review:
            return ["# the whole machine"]
                + ShellLines.command(
                    ["virt-install", "--name", name] + processor(subject) + disks(subject) + network + seed(subject)
                        + ["--graphics", "none", "--noautoconsole", "--autostart"])
        case .postgresql: return []
        }
    }

    private static func disks(_ subject: ByHandSubject) -> [String] {
        let thread = subject.usesIOThread ? ",driver.iothread=1" : ""
        let mode = "bus=virtio,cache=\(subject.cache),driver.io=\(subject.aio)"
        return (subject.usesIOThread ? ["--iothreads", "1"] : []) + [
            "--disk", "path=\(images)/\(subject.spec.name)-system.qcow2,\(mode),serial=system", "--disk",
            "path=\(images)/\(subject.spec.name)-data.raw,format=raw,\(mode),serial=pgdata\(thread)",
        ]
    }

    private static func attach(_ subject: ByHandSubject) -> [String] {
        let thread = subject.usesIOThread ? ["--iothread", "1"] : []
        return (subject.usesIOThread ? ["virsh iothreadadd \(subject.spec.name) 1 --config"] : [])
            + ShellLines.command(
                [
                    "virsh", "attach-disk", subject.spec.name.rawValue, "\(images)/\(subject.spec.name)-data.raw", "vdb", "--subdriver", "raw", "--targetbus",
                    "virtio", "--cache",
                    subject.cache, "--io", subject.aio,
                ] + thread + ["--serial", "pgdata", "--config"])
    }

    private static func processor(_ subject: ByHandSubject) -> [String] {
        let machine = subject.spec.machine
        let cpu = subject.usesKVM ? ["--virt-type", "kvm", "--cpu", "host-passthrough"] : ["--virt-type", "qemu", "--cpu", "mode=maximum"]
        return cpu + ["--vcpus", "\(machine.vcpus),sockets=1,cores=\(machine.vcpus),threads=1", "--memory", "\(machine.memory.mebibytes)", "--machine", "q35"]
    }

    private static let network = ["--network", "network=default,model=virtio"]

    /// Without an explicit setting for Secure Boot, virt-install chooses a firmware that has Microsoft's keys and refuses to boot the image.
    private static let firmware =
        "firmware=efi,"
        + [("secure-boot", 0), ("enrolled-keys", 1)].map { "firmware.feature\($1).name=\($0),firmware.feature\($1).enabled=no" }.joined(separator: ",")

    private static func seed(_ subject: ByHandSubject) -> [String] {
        ["--import", "--boot", firmware, "--osinfo", "detect=on,require=off", "--disk", "path=\(images)/\(subject.spec.name)-seed.iso,bus=virtio,readonly=on"]
    }
}
