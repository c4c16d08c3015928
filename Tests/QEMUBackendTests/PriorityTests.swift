import ApplianceModel
import Basics
import HostSystem
import MachineBackend
import SystemPackage
import TestSupport
import Testing

@testable import QEMUBackend

/// On real QEMUs; the control groups are files of a directory that looks like the unified hierarchy.
@Suite("The priority of a machine", .timeLimit(.minutes(40)))
struct PriorityTests {
    /// A backend on a host with control groups that can be written.
    private func withGroups(_ bench: Workbench) throws -> QEMUBackend {
        let root = bench.directory.appending("cgroup")
        try Files.createDirectory(root.appending("pgkvm").appending("orders"))
        try Files.write("cpu memory\n", to: root.appending("cgroup.controllers"))
        for place in [root, root.appending("pgkvm"), root.appending("pgkvm").appending("orders")] {
            for name in ["cgroup.subtree_control", "cgroup.procs"] { try Files.write("", to: place.appending(name)) }
        }
        return QEMUBackend(state: bench.state, program: PGKVMHome.program.string, controlGroups: root)
    }

    /// Makes the group whose path /proc shows for a process hold these controls, as if it were the one that was made.
    private func show(weight: String, memory: String, of process: Int32, in root: FilePath) throws {
        let group = ControlGroup(path: try #require(try ProcessStatus.read(process).cgroup), root: root)
        try Files.createDirectory(group.directory)
        try Files.write(weight, to: group.directory.appending("cpu.weight"))
        try Files.write(memory, to: group.directory.appending("memory.max"))
    }

    @Test("A nice value is set on every thread and its session, read back, remembered, and set again at the next start")
    func nice() async throws {
        try await Workbench.with { bench in
            let machine = try await bench.backend.create(bench.spec())
            let before = try await bench.backend.priorityInForce(of: machine)
            #expect(before.processID == nil)
            try await bench.backend.start(machine)
            try await bench.backend.setPriority(MachinePriority(nice: 5), of: machine)
            for round in 0..<2 {
                let inForce = try await bench.backend.priorityInForce(of: machine)
                #expect(inForce.threads.count >= 4)
                #expect(inForce.threads.allSatisfy { $0 == 5 }, "round \(round): \(inForce.threads)")
                #expect(inForce.autogroup == nil || inForce.autogroup == 5)
                #expect(try await bench.backend.rememberedPriority(of: machine) == MachinePriority(nice: 5))
                #expect(MachinePriority(nice: 5).missing(in: inForce).isEmpty)
                #expect(MachinePriority(nice: 4).missing(in: inForce).first == "nice 4")
                try await bench.backend.powerOff(machine)
                try await bench.backend.start(machine)
            }
            guard HostEnvironment.isRoot else { return }
            try await bench.backend.resetPriority(of: machine)
            #expect(try await bench.backend.priorityInForce(of: machine).threads.allSatisfy { $0 == 0 })
            #expect(try await bench.backend.rememberedPriority(of: machine).isEmpty)
            #expect(!Files.exists(bench.state.appliance(try #require(ApplianceName("orders"))).priority))
        }
    }

    @Test("A limit under the guest's memory and QEMU's own is refused with the least that goes, and nothing is kept")
    func tooSmall() async throws {
        try await Workbench.with { bench in
            let backend = try withGroups(bench)
            let machine = try await backend.create(bench.spec())
            let least = try await backend.priorityInForce(of: machine).leastMemory
            // 128 MiB, 256 MiB, a fiftieth and the room for translated code.
            #expect(least == .mebibytes(128 + 256 + 2 + 1024))
            let error = await #expect(throws: Failure.self) {
                try await backend.setPriority(MachinePriority(memoryMax: ByteSize(bytes: least.bytes - 1)), of: machine)
            }
            #expect(error?.code == .priorityMemoryTooSmall)
            #expect(error?.remedy == "allow \(least) or more")
            #expect(try await backend.rememberedPriority(of: machine).isEmpty)
            #expect(QEMUBackend.leastMemory(CPUDecision(accelerator: .kvm, vcpus: 2, memory: .gibibytes(4))) == .mebibytes(4096 + 256 + 81))
        }
    }

    @Test("Weight and limit are refused where there are no control groups, and the way that works is named")
    func noGroups() async throws {
        try await Workbench.with { bench in
            let backend = QEMUBackend(state: bench.state, program: PGKVMHome.program.string, controlGroups: "/nowhere")
            let machine = try await backend.create(bench.spec())
            let error = await #expect(throws: Failure.self) { try await backend.setPriority(MachinePriority(nice: 3, cpuWeight: 200), of: machine) }
            #expect(error?.code == .priorityUnavailable)
            #expect(error?.message.contains("no unified control groups") == true)
            #expect(error?.remedy?.contains("--nice") == true)
            #expect(try await backend.rememberedPriority(of: machine).isEmpty)
            for wrong in [MachinePriority(nice: 20), MachinePriority(nice: -21), MachinePriority(cpuWeight: 0), MachinePriority(cpuWeight: 10_001)] {
                let refused = await #expect(throws: Failure.self) { try await backend.setPriority(wrong, of: machine) }
                #expect(refused?.code == .invalidInput)
            }
        }
    }

    @Test("Weight and limit go to the machine's group with its process, and what the kernel does not take is said")
    func groups() async throws {
        try await Workbench.with { bench in
            let backend = try withGroups(bench)
            let own = backend.controlGroup(of: "orders")
            for name in ["cpu.weight", "memory.max"] { try Files.write("", to: own.directory.appending(name)) }
            let machine = try await backend.create(bench.spec())
            // Off, it is only kept.
            try await backend.setPriority(MachinePriority(cpuWeight: 300, memoryMax: .gibibytes(4)), of: machine)
            #expect(own.cpuWeight == nil)
            try await backend.start(machine)
            let process = try #require(try await backend.processID(of: machine))
            #expect(own.cpuWeight == 300)
            #expect(own.memoryMax == .gibibytes(4))
            #expect(try Files.readText(own.directory.appending("cgroup.procs")) == "\(process)")

            // The process is still where it was: that is noticed.
            let error = await #expect(throws: Failure.self) { try await backend.setPriority(MachinePriority(cpuWeight: 400), of: machine) }
            #expect(error?.code == .priorityRefused)
            #expect(error?.message.contains("cpu weight 400") == true)
            #expect(try await backend.rememberedPriority(of: machine).cpuWeight == 300)

            try show(weight: "400\n", memory: "4294967296\n", of: process, in: backend.controlGroups)
            try await backend.setPriority(MachinePriority(cpuWeight: 400), of: machine)
            let inForce = try await backend.priorityInForce(of: machine)
            #expect(inForce.cpuWeight == 400)
            #expect(inForce.manager == "pgkvm")
            #expect(try await backend.rememberedPriority(of: machine) == MachinePriority(cpuWeight: 400, memoryMax: .gibibytes(4)))
            try await backend.delete(machine)
        }
    }

    @Test("A damaged file is named, and one of a later pgkvm refused")
    func stored() throws {
        let directory = ApplianceDirectory(path: try Files.createTemporaryDirectory(in: "/tmp", prefix: "pgkvm-priority"))
        defer { try? Files.remove(directory.path) }
        #expect(try StoredPriority.load(directory).isEmpty)
        let damaged = [("{", Failure.Code.fileUnreadable), (#"{"formatVersion":2}"#, .newerFormat), (#"{"formatVersion":1,"nice":"x"}"#, .fileUnreadable)]
        for (text, code) in damaged {
            try Files.write(text, to: directory.priority)
            let error = #expect(throws: Failure.self) { try StoredPriority.load(directory) }
            #expect(error?.code == code)
        }
    }
}
