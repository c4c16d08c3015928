import ApplianceModel
import Basics
import MachineBackend
import SystemPackage
import Testing

@testable import QEMUBackend

@Suite("QEMU's words for the parts of a deployment")
struct WordsTests {
    private static func words(_ work: MachineWork, _ change: (inout ApplianceSpec) -> Void = { _ in }) throws -> WorkWords {
        var spec = ApplianceSpec(name: try #require(ApplianceName("orders")))
        change(&spec)
        return QEMUBackend(state: StateDirectory(path: "/state"), program: "/bin/pgkvm").words(for: work, spec)
    }

    @Test("Each part has them, and no line of another platform", arguments: MachineWork.allCases)
    func own(work: MachineWork) throws {
        let words = try Self.words(work)
        #expect(!words.what.isEmpty)
        #expect(!words.why.isEmpty)
        #expect(!words.byHand.isEmpty)
        for line in words.byHand { #expect(!line.hasPrefix("qm ") && !line.hasPrefix("virsh"), "\(line)") }
    }

    @Test("They follow the spec: emulation, a bridge, a larger disk")
    func spec() throws {
        #expect(try Self.words(.configureProcessor) { $0.machine.accelerator = .tcg }.what.hasPrefix("emulates 2 vCPUs"))
        let bridged = try Self.words(.configureNetwork) {
            $0.network.mode = .bridge
            $0.network.device = "br0"
        }
        #expect(bridged.byHand == ["ip -details link show dev br0"])
        #expect(try Self.words(.growDataDisk) { $0.dataDisk.size = .gibibytes(20) }.byHand.first == "fallocate -l 21474836480 data.raw")
    }
}
