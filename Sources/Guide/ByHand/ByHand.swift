package import ApplianceModel
package import Deployment
internal import MachineBackend

/// The values that the commands by hand are made from; nothing else influences them.
package struct ByHandSubject: Sendable {
    package let spec: ApplianceSpec
    package let plan: DeploymentPlan

    package init(spec: ApplianceSpec, plan: DeploymentPlan) {
        self.spec = spec
        self.plan = plan
    }

    var usesKVM: Bool { plan.machine.accelerator == .kvm }
    var cache: String { plan.machine.disk?.cacheDirect == false ? "writeback" : "none" }
    var aio: String { plan.machine.disk?.aio.rawValue ?? "native" }
    var usesIOThread: Bool { plan.machine.disk?.ioThread ?? true }
}

/// The commands that a person would type for one stop, for each platform.
package enum ByHand {
    /// The commands of a stop under a heading for each platform; comments begin with `#`.
    package static func sections(_ stop: StopID, _ subject: ByHandSubject) -> [(title: String, lines: [String])] {
        platforms(stop, subject).map { (title: $0.0, lines: $0.1.flatMap(ShellLines.fitted)) }.filter { !$0.lines.isEmpty }
    }

    private static func platforms(_ stop: StopID, _ subject: ByHandSubject) -> [(String, [String])] {
        if stop == .postgresql { return [("In the guest, on every platform", ServerByHand.lines(subject))] }
        return [
            ("QEMU, as pgkvm runs it", QEMUByHand.lines(stop, subject)), ("libvirt (virsh, virt-install)", LibvirtByHand.lines(stop, subject)),
            ("Proxmox VE (qm, as root on the node)", ProxmoxByHand.lines(stop, subject)),
        ]
    }
}
