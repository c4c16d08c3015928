import ApplianceModel
import MachineBackend
import Testing

@testable import ProxmoxBackend

@Suite("Proxmox VE's words for the parts of a deployment")
struct WordsTests {
    @Test("Each part has them, and no line of this host's QEMU or of libvirt", arguments: MachineWork.allCases)
    func own(work: MachineWork) {
        let backend = ProxmoxBackend(connection: ProxmoxConnection(url: "https://pve1:8006"), environment: { _ in nil })
        let words = backend.words(for: work, Rig.spec())
        #expect(!words.what.isEmpty)
        #expect(!words.why.isEmpty)
        #expect(!words.byHand.isEmpty)
        for line in words.byHand { #expect(!line.hasPrefix("qemu-system") && !line.hasPrefix("virsh") && !line.hasPrefix("fallocate"), "\(line)") }
    }
}
