internal import ApplianceModel
internal import Deployment
internal import HostSystem
internal import MachineBackend
internal import SpecFile

/// Whether this host can run the appliance at all.
struct HostStop: Stop {
    let id = StopID.host
    let title = "the host"

    func text(_ situation: Situation) -> StopText {
        // The storage of the disks is a topic of the next stop.
        let findings = situation.plan.findings.filter { $0.check != "host.storage" }
        let (odd, well) = (findings.filter { $0.level >= .warn }, findings.filter { $0.level < .warn })
        let failures = situation.plan.findings.filter { $0.level == .fail }
        return StopText(
            what: "A look at this host, before anything is made: whether KVM runs a tiny guest of its own, which QEMU is there, how much memory and space.",
            why: "KVM makes the host's kernel a hypervisor: the guest's instructions run on the processor itself. Without it QEMU emulates (TCG), "
                + "many times slower and without isolation from the host: good for a trial, not for a database that matters.",
            found: odd.map { "\($0.check): \(Situation.text($0))" } + (well.isEmpty ? [] : ["well: \(well.map(\.measured).joined(separator: "; "))"]),
            recommended: failures.isEmpty
                ? (situation.isEmulated ? "go on as a trial, or make KVM usable first (above, behind 'try') and look again with r." : "go on.")
                : "put right what failed (above, behind 'try'), then look again with r. The questions can be answered meanwhile.",
            alternatives: ["Going on decides nothing yet: what fails is looked at again at the review, and when the deployment begins."])
    }

    func questions(_ situation: Situation) -> [Question] { [] }
}
