package import ApplianceModel
internal import Basics
package import MachineBackend

/// What libvirt does in each part of a deployment.
extension LibvirtBackend {
    package func words(for work: MachineWork, _ spec: ApplianceSpec) -> WorkWords {
        switch work {
        case .checkHost:
            WorkWords(
                what: "asks the daemon for its version, its abilities, the storage pool and the network, and looks at memory and disk space",
                why: "a host that cannot run the guest is found before anything is created",
                byHand: ["version", "domcapabilities", "pool-info \(choice.pool)"].map { virsh.lines($0) })
        case .configureDisks:
            WorkWords(
                what: "decides cache mode, aio and I/O thread for a system disk and a \(spec.dataDisk.size) raw data disk in the pool '\(choice.pool)'",
                why: "a commit is as fast as one flush through this path, and a disk whose space is reserved cannot run out under the database",
                byHand: ["virsh attach-disk --targetbus virtio --cache none --io native"])
        case .configureProcessor: .processor(spec.machine, emulating: "virt-install --virt-type qemu", passing: "virt-install --cpu host-passthrough")
        case .configureNetwork: network(spec.network)
        case .createMachine:
            .creation(
                "copies the system disk, reserves the data disk, makes the SSH keys and the cloud-init seed",
                byHand: ["qemu-img convert …", virsh.lines("vol-create-as \(choice.pool) …"), "xorriso -volid cidata …", virsh.lines("define …")])
        case .resizeMachine: .resize(spec.machine, spec.name, byHand: virsh.lines("edit \(spec.name)"))
        case .growDataDisk: .growth(spec.dataDisk.size, byHand: [virsh.lines("blockresize \(spec.name) vdb \(spec.dataDisk.size.bytes)B")])
        }
    }

    private func network(_ network: ApplianceSpec.Network) -> WorkWords {
        let device = network.device ?? ""
        return switch network.mode {
        case .user: .userNetwork(byHand: "ss -ltn")
        case .nat: .card(on: "libvirt's network '\(device)'", byHand: virsh.lines("net-info \(device)"))
        case .bridge, .tap: .card(on: "the host's \(network.mode.rawValue) device '\(device)'", byHand: "ip -details link show dev \(device)")
        }
    }

    package func consoleByHand(of name: ApplianceName) -> String { virsh.lines("console \(name)") }
}
