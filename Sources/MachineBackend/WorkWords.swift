package import ApplianceModel
package import Basics

/// The parts of a deployment whose description depends on the platform.
package enum MachineWork: Sendable, CaseIterable {
    case checkHost, configureDisks, configureProcessor, configureNetwork, createMachine, resizeMachine, growDataDisk
}

/// A description, for people, of what a platform does in one part of a deployment.
package struct WorkWords: Sendable, Equatable {
    /// A clause without a subject: `runs a tiny guest under KVM, …`.
    package let what: String
    /// The reason, as a clause.
    package let why: String
    /// The commands that do the same by hand.
    package let byHand: [String]

    package init(what: String, why: String, byHand: [String]) {
        self.what = what
        self.why = why
        self.byHand = byHand
    }
}

/// Descriptions that several platforms share.
extension WorkWords {
    /// - Parameters:
    ///   - emulating: the command for an emulated processor.
    ///   - passing: the command for the host's own processor.
    package static func processor(_ machine: ApplianceSpec.Machine, emulating: String, passing: String) -> WorkWords {
        guard machine.accelerator != .tcg else {
            return WorkWords(
                what: "emulates \(machine.vcpus) vCPUs with every instruction that QEMU can emulate, and gives the guest \(machine.memory) of memory",
                why: "'machine.accelerator: tcg' asks for it; it is many times slower than the host's own processor", byHand: [emulating])
        }
        return WorkWords(
            what: "gives the guest \(machine.vcpus) vCPUs of the host's own kind and \(machine.memory) of memory",
            why: "AES-NI and the other instructions of the host reach the database; a generic model hides them", byHand: [passing])
    }

    /// Two free ports on this host.
    package static func userNetwork(byHand: String) -> WorkWords {
        WorkWords(
            what: "chooses a MAC address and two free ports on 127.0.0.1, and keeps them for the appliance's life",
            why: "clients keep their connection strings; with user networking the guest is reachable from this host only", byHand: [byHand])
    }

    /// - Parameter device: what the guest's card is connected to: `the host's bridge device 'br0'`.
    package static func card(on device: String, byHand: String) -> WorkWords {
        WorkWords(
            what: "examines \(device), chooses a MAC address and the card's queues",
            why: "the guest is a host of that network, and keeps its address as long as its card has the same one", byHand: [byHand])
    }

    package static func resize(_ machine: ApplianceSpec.Machine, _ name: ApplianceName, byHand: String) -> WorkWords {
        WorkWords(
            what: "shuts the guest down and gives its machine \(machine.vcpus) vCPUs and \(machine.memory) of memory",
            why: "a running machine keeps the processors and memory that it was started with", byHand: ["pgkvm stop \(name)", byHand])
    }

    package static func growth(_ size: ByteSize, byHand: [String]) -> WorkWords {
        WorkWords(
            what: "reserves \(size) for the data disk, shows the guest its new size, and grows the file system",
            why: "the space is promised before the guest learns of it, and nothing has to stop", byHand: byHand + ["resize2fs /dev/disk/by-id/virtio-pgdata"])
    }

    /// - Parameter what: what happens to the image, as a clause.
    package static func creation(_ what: String, byHand: [String]) -> WorkWords {
        WorkWords(
            what: what, why: "the guest's host key is made here and pinned before the first contact: nothing is trusted on first use",
            byHand: ["ssh-keygen -t ed25519"] + byHand)
    }
}
