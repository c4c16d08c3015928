import ApplianceModel
import Basics
import MachineBackend
import TestSupport
import Testing

@testable import ProxmoxBackend

/// Another size for a machine that exists.
@Suite("Another size on Proxmox VE", .server)
struct ResizeTests {
    @Test("After a refused change the machine is told as it is, not as it was asked for", arguments: ["backup", "migrate", "snapshot"])
    func refused(lock: String) async throws {
        try await Rig.run { rig in
            let machine = try await rig.deploy()
            try await rig.backend.detachSeed(from: machine)
            try await rig.backend.powerOff(machine)
            let (cpu, disk) = (try await rig.backend.processor(of: machine), try await rig.backend.dataDisk(of: machine))
            rig.change { $0.machines[100]?.config["lock"] = lock }
            let wanted = CPUDecision(accelerator: cpu.accelerator, vcpus: cpu.vcpus + 1, memory: cpu.memory + .mebibytes(512))
            for attempt in [
                { try await rig.backend.setProcessor(wanted, of: machine) },
                { try await rig.backend.growDataDisk(to: disk + .gibibytes(1), of: machine) },
            ] {
                let error = await failure(attempt)
                #expect(error?.code == .proxmoxLocked && error?.message.contains(lock) == true, "\(String(describing: error))")
                #expect(try await rig.backend.processor(of: machine) == cpu)
                #expect(try await rig.backend.dataDisk(of: machine) == disk)
            }
            rig.change { $0.machines[100]?.config["lock"] = nil }
            try await rig.backend.setProcessor(wanted, of: machine)
            #expect(try await rig.backend.processor(of: machine) == wanted)
        }
    }
}
