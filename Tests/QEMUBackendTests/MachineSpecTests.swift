import ApplianceModel
import Foundation
import MachineBackend
import Testing

@Suite("Machine values")
struct MachineSpecTests {
    @Test("A new deployment's id is 32 hexadecimal digits, and no two are the same")
    func random() {
        let ids = (0..<100).map { _ in DeploymentID.random() }
        #expect(Set(ids).count == ids.count)
        for id in ids {
            #expect(id.rawValue.count == 32)
            #expect(id.rawValue.allSatisfy { "0123456789abcdef".contains($0) })
            #expect(UUID(uuidString: id.uuid) != nil)
        }
    }

    @Test("UUID and MAC address follow from the id")
    func derived() {
        let id = DeploymentID("0123456789abcdef0123456789abcdef")
        #expect(id.uuid == "01234567-89ab-cdef-0123-456789abcdef")
        #expect(id.macAddress == "52:54:00:ab:cd:ef")
    }

    @Test("A machine's spec comes back from JSON as it was")
    func codable() throws {
        let spec = try makeMachineSpec { parts in
            parts.aio = .ioUring
            parts.adopted = "/kept/data.raw"
            parts.systemDisk.layout = .overlay
        }
        #expect(try JSONDecoder().decode(MachineSpec.self, from: JSONEncoder().encode(spec)) == spec)
    }

    @Test("Each power state has a word of its own")
    func words() {
        let states: [PowerState] = [.absent, .off, .running, .paused(reason: "", remedy: ""), .unresponsive]
        #expect(Set(states.map(\.word)).count == states.count)
    }
}
