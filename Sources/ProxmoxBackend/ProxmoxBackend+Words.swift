package import ApplianceModel
internal import Basics
package import MachineBackend

/// What a Proxmox VE server does in each part of a deployment.
extension ProxmoxBackend {
    package func words(for work: MachineWork, _ spec: ApplianceSpec) -> WorkWords {
        let machine = spec.machine
        return switch work {
        case .checkHost:
            WorkWords(
                what: "asks the server for its version, the token's rights, and a node with the bridge, the stores and the room for the machine",
                why: "what the server would refuse later is found before anything is created",
                byHand: ["pgkvm proxmox check SPEC", "pveversion", "pvesm status", "pvesh get /cluster/resources"])
        case .configureDisks:
            WorkWords(
                what: "decides the node and its stores for a system disk and a \(spec.dataDisk.size) raw data disk, without the node's page cache",
                why: "a commit is as fast as one flush through this path; what a store does with the space of a disk is said beforehand",
                byHand: ["qm set VMID --virtio1 STORAGE:10,cache=none,aio=native,iothread=1"])
        case .configureProcessor:
            .processor(
                machine, emulating: "qm set VMID --kvm 0 --cpu max --cores \(machine.vcpus)", passing: "qm set VMID --cpu host --cores \(machine.vcpus)")
        case .configureNetwork:
            .card(on: "the node's bridge '\(spec.network.device ?? "")'", byHand: "qm set VMID --net0 virtio,bridge=\(spec.network.device ?? "")")
        case .createMachine:
            .creation(
                "uploads the image, has the server make the machine of it, makes the SSH keys and the cloud-init seed",
                byHand: ["qm create VMID …", "xorriso -volid cidata …", "qm set VMID --scsi1 STORAGE:iso/SEED.iso,media=cdrom"])
        case .resizeMachine: .resize(machine, spec.name, byHand: "qm set VMID --cores \(machine.vcpus) --memory \(machine.memory.mebibytes)")
        case .growDataDisk: .growth(spec.dataDisk.size, byHand: ["qm resize VMID virtio1 \(spec.dataDisk.size.mebibytes)M"])
        }
    }

    package func consoleByHand(of name: ApplianceName) -> String { "the machine's Console in Proxmox's interface, or on its node: qm terminal VMID" }
}
