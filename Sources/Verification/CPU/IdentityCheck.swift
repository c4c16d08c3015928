internal import ApplianceModel
internal import HostSystem

/// Whether the guest's processor is the host's, and its hypervisor is the one that the appliance was made for.
enum IdentityCheck {
    static func judge(_ guest: CPUIDTable, host: CPUIDTable?, _ accelerator: Accelerator) -> Finding {
        guard let inGuest = ProcessorIdentity(guest) else {
            return Finding(
                check: "cpu.identity", level: .fail, measured: "the guest's CPUID has no leaves 0 and 1", expected: "a vendor and a model",
                remedy: "verify again; if it stays, pgkvm logs")
        }
        let measured = "\(inGuest), under \(guest.hypervisor ?? "no hypervisor that says its name")"
        let signature = accelerator == .kvm ? "KVMKVMKVM" : "TCGTCGTCGTCG"
        guard guest.hypervisor == signature else {
            return Finding(
                check: "cpu.identity", level: .fail, measured: measured, expected: "the signature \(signature)",
                remedy: "the machine does not run on the accelerator that it was made for: stop and start the appliance")
        }
        if accelerator == .tcg {
            return Finding(
                check: "cpu.identity", level: .skip, measured: measured, expected: "the host's processor",
                remedy: "TCG emulates a processor of its own: there is nothing to compare")
        }
        guard let inHost = host.flatMap(ProcessorIdentity.init) else {
            return Finding(
                check: "cpu.identity", level: .skip, measured: measured, expected: "the host's processor",
                remedy: "the processor of the guest's host is not known here")
        }
        let isSame = inGuest == inHost
        return Finding(
            check: "cpu.identity", level: isSame ? .pass : .fail, measured: measured, expected: "\(inHost)",
            remedy: isSame ? nil : "the guest has another processor model than 'host': stop and start the appliance")
    }
}
