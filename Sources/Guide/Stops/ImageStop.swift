internal import ApplianceModel
internal import Deployment
internal import HostSystem
internal import MachineBackend
internal import SpecFile

/// The image from which the guest starts, and what cloud-init configures in it.
struct ImageStop: Stop {
    let id = StopID.image
    let title = "the image and cloud-init"

    func text(_ situation: Situation) -> StopText {
        StopText(
            what:
                "The system disk is a copy of a base image. At the first boot cloud-init reads three small files (the seed): host name, user, SSH keys, network.",
            why: "The guest's SSH host key is made on this host and pinned before the first contact, so nothing is trusted on first use. After the first boot "
                + "the key is changed, cloud-init is switched off and the seed is taken away.",
            found: [image(situation)] + (situation.images.isEmpty ? [] : ["in the cache: \(situation.images.joined(separator: ", "))"]),
            recommended:
                "\(situation.standard.machine.image): pgkvm builds it from the packages of this host's own Debian mirror, with PostgreSQL's packages inside.",
            alternatives: [
                "debian-12: PostgreSQL 15; also runs where QEMU is older than 10 and emulates.",
                "An image that you imported: it needs cloud-init, and installing takes longer.",
            ])
    }

    private func image(_ situation: Situation) -> String {
        let packages = situation.plan.packages
        if let key = packages.imageKey { return "\(packages.image): in the cache (\(key.prefix(12)))" }
        return packages.buildsImage ? "\(packages.image): not in the cache, so it is built first, which takes minutes" : "\(packages.image): not in the cache"
    }

    func questions(_ situation: Situation) -> [Question] {
        [Question("Image", key: "machine.image", present: "\(situation.spec.machine.image)")]
    }
}
