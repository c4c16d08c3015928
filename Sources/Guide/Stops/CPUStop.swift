internal import ApplianceModel
internal import Deployment
internal import HostSystem
internal import MachineBackend
internal import SpecFile

/// The processor and the memory.
struct CPUStop: Stop {
    let id = StopID.cpu
    let title = "the processor (host passthrough, AES-NI) and memory"

    func text(_ situation: Situation) -> StopText {
        let standard = situation.standard.machine
        return StopText(
            what: "The guest sees the host's own processor (-cpu host), with all its instructions"
                + (situation.isEmulated ? "; here that is emulated (-cpu max), since no usable KVM was found or it was not asked for." : "."),
            why: "AES-NI encrypts a connection in hardware; a generic model hides it, and TLS then costs several times the processor time. Memory decides what "
                + "the database keeps at hand\(buffers(situation)).",
            found: [processor(situation)] + [situation.resource(.memory)].compactMap(\.self) + [accelerator(situation)],
            recommended:
                "\(standard.vcpus) vCPUs and \(standard.memory) to begin with, and 'auto': KVM where it works. vCPUs and memory can change later, with a restart.",
            alternatives: [
                "A fixed model such as x86-64-v2-AES: a guest that moves between unlike hosts.",
                "As many vCPUs as the host has: none is left for disk and network threads.",
            ])
    }

    private func processor(_ situation: Situation) -> String {
        let cpu = situation.cpu
        return "\(cpu.model.isEmpty ? cpu.vendor : cpu.model), \(cpu.logicalCPUs) processors, AES-NI \(cpu.hasAES ? "there" : "missing")"
    }

    private func accelerator(_ situation: Situation) -> String {
        switch situation.plan.machine.accelerator {
        case .kvm: "KVM"
        case .tcg: "emulation (TCG): the first stop says why"
        case nil: "neither KVM nor emulation: the first stop says why"
        }
    }

    private func buffers(_ situation: Situation) -> String {
        let buffers = situation.setting("shared_buffers", profile: situation.spec.postgresql.profile)
        return buffers.map { ": of \(situation.spec.machine.memory) it takes \($0) for its buffers" } ?? ""
    }

    func questions(_ situation: Situation) -> [Question] {
        let machine = situation.spec.machine
        return [
            Question("vCPUs", key: "machine.vcpus", present: "\(machine.vcpus)"), Question("Memory", key: "machine.memory", present: "\(machine.memory)"),
            Question("Accelerator", key: "machine.accelerator", present: machine.accelerator.rawValue),
        ]
    }
}
