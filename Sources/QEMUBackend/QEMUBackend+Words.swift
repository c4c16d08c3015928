package import ApplianceModel
internal import Basics
package import MachineBackend

/// What QEMU on this host does in each part of a deployment.
extension QEMUBackend {
    package func words(for work: MachineWork, _ spec: ApplianceSpec) -> WorkWords {
        switch work {
        case .checkHost:
            WorkWords(
                what: "runs a tiny guest under KVM, asks QEMU for its abilities, and looks at memory and disk space",
                why: "a host that cannot run the guest is found before anything is created",
                byHand: ["grep -E 'vmx|svm' /proc/cpuinfo", "ls -l /dev/kvm", "qemu-system-x86_64 --version", "df -h"])
        case .configureDisks:
            WorkWords(
                what: "decides cache mode, aio and I/O thread for a system disk and a \(spec.dataDisk.size) raw data disk, by trying them there",
                why: "a commit is as fast as one flush through this path, and a disk whose space is reserved cannot run out under the database",
                byHand: ["qemu-system-x86_64 -blockdev file,cache.direct=on,aio=native,… -device virtio-blk-pci,iothread=…"])
        case .configureProcessor:
            .processor(spec.machine, emulating: "qemu-system-x86_64 -accel tcg -cpu max", passing: "qemu-system-x86_64 -accel kvm -cpu host")
        case .configureNetwork: network(spec.network)
        case .createMachine:
            .creation(
                "copies the system disk, reserves the data disk, makes the SSH keys and the cloud-init seed",
                byHand: ["qemu-img convert …", "fallocate -l \(spec.dataDisk.size.bytes) data.raw", "xorriso -volid cidata …"])
        case .resizeMachine: .resize(spec.machine, spec.name, byHand: "editor records/0/machine.json")
        case .growDataDisk: .growth(spec.dataDisk.size, byHand: ["fallocate -l \(spec.dataDisk.size.bytes) data.raw", "block_resize (QMP)"])
        }
    }

    private func network(_ network: ApplianceSpec.Network) -> WorkWords {
        let device = network.device ?? ""
        guard network.mode != .user else { return .userNetwork(byHand: "ss -ltn") }
        return .card(on: "the host's \(network.mode.rawValue) device '\(device)'", byHand: "ip -details link show dev \(device)")
    }

    package func consoleByHand(of name: ApplianceName) -> String { "pgkvm status \(name)" }
}
