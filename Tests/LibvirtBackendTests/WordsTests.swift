import ApplianceModel
import MachineBackend
import SystemPackage
import Testing

@testable import LibvirtBackend

@Suite("Libvirt's words for the parts of a deployment")
struct WordsTests {
    @Test("Each part has them, and no line of a Proxmox VE node", arguments: MachineWork.allCases)
    func own(work: MachineWork) throws {
        let spec = ApplianceSpec(name: try #require(ApplianceName("orders")))
        let words = LibvirtBackend(ApplianceSpec.Libvirt(), state: StateDirectory(path: "/state")).words(for: work, spec)
        #expect(!words.what.isEmpty)
        #expect(!words.why.isEmpty)
        #expect(!words.byHand.isEmpty)
        for line in words.byHand { #expect(!line.hasPrefix("qm "), "\(line)") }
    }

    @Test("Lines name the daemon where it is not this host's own")
    func daemon() throws {
        let spec = ApplianceSpec(name: try #require(ApplianceName("orders")))
        var choice = ApplianceSpec.Libvirt()
        choice.uri = "qemu+ssh://root@kvm2/system"
        choice.pool = "fast"
        let backend = LibvirtBackend(choice, state: StateDirectory(path: "/state"))
        #expect(backend.words(for: .checkHost, spec).byHand.last == "virsh --connect qemu+ssh://root@kvm2/system pool-info fast")
        #expect(backend.consoleByHand(of: spec.name) == "virsh --connect qemu+ssh://root@kvm2/system console orders")
    }
}
