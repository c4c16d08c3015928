import ApplianceModel
import Basics
import Foundation
import Glibc
import HostSystem
import MachineBackend
import Synchronization
import SystemPackage
import TestSupport
import Testing

@testable import QEMUBackend

/// Real QEMUs whose firmware finds nothing to boot and sits there.
@Suite("A machine as a process", .serialized, .timeLimit(.minutes(40)))
struct RunningMachineTests {
    typealias Name = MachineDirectory.Name

    @Test("The data disk grows under a machine that runs and one that is off, as often as one asks, and never shrinks")
    func grows() async throws {
        try await Workbench.with { bench in
            let backend = bench.backend
            let machine = try await backend.create(bench.spec())
            let disk = try bench.machineDirectory().file(Name.dataDisk)
            func seen() async throws -> Int64? {
                let nodes =
                    try await QMPClient.connect(bench.machineDirectory().file(Name.monitorSocket))?
                    .execute("query-named-block-nodes", ["flat": .bool(true)]).array ?? []
                return nodes.first { $0["node-name"]?.string == "data" }?["image"]?["virtual-size"]?.integer
            }
            try await backend.growDataDisk(to: .mebibytes(80), of: machine)
            try await backend.start(machine)
            #expect(try await seen() == 80 << 20)
            for _ in 0..<2 { try await backend.growDataDisk(to: .mebibytes(96), of: machine) }
            #expect(try await seen() == 96 << 20)
            let status = try #require(Files.status(disk))
            #expect(status.size == .mebibytes(96))
            #expect(status.allocated >= .mebibytes(96))
            try await backend.growDataDisk(to: .mebibytes(32), of: machine)
            #expect(try await backend.dataDisk(of: machine) == .mebibytes(96))
            #expect(Files.status(disk)?.size == .mebibytes(96))

            let cpu = CPUDecision(accelerator: .tcg, vcpus: 1, memory: .mebibytes(160))
            let error = await #expect(throws: Failure.self) { try await backend.setProcessor(cpu, of: machine) }
            #expect(error?.code == .machineStillRunning)
            try await backend.powerOff(machine)
            for _ in 0..<2 { try await backend.setProcessor(cpu, of: machine) }
            #expect(try await backend.processor(of: machine) == cpu)
            #expect(try await backend.dataDisk(of: machine) == .mebibytes(96))
        }
    }

    @Test("A machine starts, runs confined, stops, starts again and is deleted, and each call may be repeated")
    func life() async throws {
        try await Workbench.with { bench in
            let backend = bench.backend
            let spec = try bench.spec()
            let machine = try await backend.create(spec)
            let directory = try bench.machineDirectory()
            #expect(try await backend.processID(of: machine) == nil)
            var processes: [Int32] = []
            for _ in 0..<2 {
                for _ in 0..<2 { try await backend.start(machine) }
                #expect(try await backend.powerState(of: machine) == .running)
                let process = try #require(try await backend.processID(of: machine))
                processes.append(process)
                try expectConfined(process)
                try expectPrivate(directory)
                #expect(try await backend.endpoint(of: machine, service: .ssh) == Endpoint(host: "127.0.0.1", port: spec.network.sshPort))
                #expect(!Sockets.isPortFree(spec.network.sshPort))
                #expect(!Sockets.isPortFree(spec.network.postgresqlPort))

                for _ in 0..<2 { try await backend.powerOff(machine) }
                #expect(try await backend.powerState(of: machine) == .off)
                #expect(try await backend.processID(of: machine) == nil)
                #expect(Sockets.isPortFree(spec.network.sshPort))
                #expect(!Files.exists(directory.file(Name.monitorSocket)))
                try await backend.shutDown(machine, grace: .seconds(1))
            }
            #expect(Set(processes).count == 2)
            try await backend.start(machine)
            for _ in 0..<2 { try await backend.delete(machine) }
            #expect(try await backend.powerState(of: machine) == .absent)
            #expect(Sockets.isPortFree(spec.network.sshPort))
            #expect(!Files.exists(directory.path))
        }
    }

    private func expectConfined(_ process: Int32) throws {
        #expect(try Files.readText(FilePath("/proc/\(process)/comm")) == "pg-orders\n")
        let lines = try Files.readText(FilePath("/proc/\(process)/status")).split(separator: "\n")
        func field(_ name: String) -> [Substring] {
            (lines.first { $0.hasPrefix(name + ":") }?.split(whereSeparator: \.isWhitespace).dropFirst()).map(Array.init) ?? []
        }
        #expect(!field("Uid").contains("0"))
        #expect(!field("Gid").contains("0"))
        #expect(field("Uid").count == 4)
        #expect(field("NoNewPrivs") == ["1"])
        #expect(field("Seccomp") == ["2"])
        #expect(field("CapEff") == ["0000000000000000"])
        #expect(getsid(process) == process)
        if HostEnvironment.isRoot {
            #expect(field("CapBnd") == ["0000000000000000"])
            #expect(field("Groups").allSatisfy { $0 != "0" })
            #expect(try !Files.readText(FilePath("/proc/\(process)/environ")).contains("PWD="))
        }
        // Nothing of this process but null device, the keeper's pipes and what QEMU opened itself.
        #expect(try Files.linkTarget(FilePath("/proc/\(process)/fd/0")) == "/dev/null")
        for output in 1...2 { #expect(try Files.linkTarget(FilePath("/proc/\(process)/fd/\(output)")).string.hasPrefix("pipe:")) }
    }

    private func expectPrivate(_ directory: MachineDirectory) throws {
        #expect(Files.status(directory.path)?.permissions == 0o700)
        for socket in [Name.monitorSocket, Name.serialSocket] {
            #expect((Files.status(directory.file(socket))?.permissions ?? 0o777) & 0o077 == 0, "\(socket)")
        }
        #expect(Files.status(directory.records)?.permissions == 0o700)
        for record in [MachineDirectory.Record.serialLog, MachineDirectory.Record.processLog, MachineDirectory.Record.processID] {
            #expect(Files.status(directory.record(record))?.permissions == 0o600, "\(record)")
        }
    }

    @Test("A pause is shown with the way on, and start goes that way")
    func pause() async throws {
        try await Workbench.with { bench in
            let machine = try await bench.backend.create(bench.spec())
            try await bench.backend.start(machine)
            let process = try await bench.backend.processID(of: machine)
            try await bench.monitor { try await $0.execute("stop") }
            guard case .paused(let reason, let remedy) = try await bench.backend.powerState(of: machine) else {
                Issue.record("not paused")
                return
            }
            #expect(reason.contains("paused"))
            #expect(remedy == "pgkvm start orders")
            let error = await #expect(throws: Failure.self) { try await bench.backend.shutDown(machine, grace: .seconds(60)) }
            #expect(error?.code == .machineStillRunning)
            #expect(error?.remedy == remedy)
            try await bench.backend.start(machine)
            #expect(try await bench.backend.powerState(of: machine) == .running)
            #expect(try await bench.backend.processID(of: machine) == process)
        }
    }

    @Test("Every run state of QEMU has its meaning")
    func runStates() {
        #expect(QEMUBackend.powerState(status: "running", name: "orders") == .running)
        for (status, remedy) in [
            ("io-error", "free space on the host"), ("guest-panicked", "restart --force orders"), ("internal-error", "restart --force orders"),
            ("shutdown", "stop --force orders"), ("paused", "start orders"), ("prelaunch", "start orders"), ("something-new", "start orders"),
        ] {
            guard case .paused(let reason, let way) = QEMUBackend.powerState(status: status, name: "orders") else {
                Issue.record("\(status) is not a pause")
                continue
            }
            #expect(!reason.isEmpty)
            #expect(way.contains(remedy), "\(status): \(way)")
        }
    }

    @Test("Two starts at once make one process")
    func together() async throws {
        try await Workbench.with { bench in
            let machine = try await bench.backend.create(bench.spec())
            try await withThrowingTaskGroup { group in
                for _ in 0..<3 { group.addTask { try await bench.backend.start(machine) } }
                try await group.waitForAll()
            }
            #expect(try await bench.backend.powerState(of: machine) == .running)
            #expect(try processes(in: bench.machineDirectory().path).count == 1)
        }
    }

    @Test("A QEMU whose starter was killed is taken over by the next start, and ended by a power cut")
    func orphan() async throws {
        try await Workbench.with { bench in
            let machine = try await bench.backend.create(bench.spec())
            let directory = try bench.machineDirectory()
            let record = try #require(try QEMUMachine.load(from: directory))
            let command = try await bench.command()
            for takeOver in [true, false] {
                _ = try await SessionSupervisor().start(command, for: record.spec.name, in: directory)
                if takeOver {
                    try await bench.backend.start(machine)
                    #expect(try processes(in: directory.path).count == 1)
                }
                try await bench.backend.powerOff(machine)
                #expect(try processes(in: directory.path).isEmpty)
                // The kernel takes the lock away with the last of the process's threads.
                try await eventually { try await SessionSupervisor().presence(record.spec.name, in: directory) == .none }
            }
        }
    }

    @Test("A machine whose QEMU was killed is off, and starts again")
    func killed() async throws {
        try await Workbench.with { bench in
            let machine = try await bench.backend.create(bench.spec())
            try await bench.backend.start(machine)
            let process = try #require(try await bench.backend.processID(of: machine))
            try ProcessTable.kill(process)
            try await eventually { try await bench.backend.processID(of: machine) == nil }
            #expect(try await bench.backend.powerState(of: machine) == .off)
            #expect(Files.exists(try bench.machineDirectory().record(MachineDirectory.Record.processID)))
            try await bench.backend.start(machine)
            #expect(try await bench.backend.powerState(of: machine) == .running)
            #expect(try await bench.backend.processID(of: machine) != process)
        }
    }

    @Test("The unit's stop command returns at once where nothing runs, whatever is left of the appliance, and waits for a guest as long as it was told to")
    func stopCommand() async throws {
        try await Workbench.with { bench in
            let name = try #require(ApplianceName("orders"))
            let stop = MachineStop(name: name, directory: try bench.machineDirectory())
            try await stop.run()
            let machine = try await bench.backend.create(bench.spec())
            try await stop.run()
            try await bench.backend.start(machine)
            // Firmware takes no notice of the power button.
            let error = await #expect(throws: Failure.self) { try await stop.run(grace: .seconds(1)) }
            #expect(error?.code == .machineStillRunning)
            try await bench.monitor { try await $0.execute("stop") }
            let paused = await #expect(throws: Failure.self) { try await stop.run() }
            #expect(paused?.message.contains("is paused and cannot shut down") == true)
            try await bench.backend.start(machine)
            async let ending: Void = stop.run()
            try ProcessTable.kill(try #require(try await bench.backend.processID(of: machine)))
            try await ending
            try await bench.backend.delete(machine)
            try await stop.run()
        }
    }

    @Test("A start under KVM waits until the device may be opened, says so, and gives up with the remedy before QEMU is started")
    func awaitsKVM() async throws {
        try await Workbench.with { bench in
            let device = bench.directory.appending("kvm")
            let waits = Mutex(0)
            var backend = QEMUBackend(state: bench.state, program: PGKVMHome.program.string) { text in
                #expect(text == "waiting for \(device)")
                waits.withLock { $0 += 1 }
            }
            backend.kvm = device
            backend.kvmPatience = .milliseconds(300)
            let hasty = backend
            let machine = try await hasty.create(bench.spec { $0.accelerator = .kvm })
            let error = await #expect(throws: Failure.self) { try await hasty.start(machine) }
            #expect(error?.code == .kvmUnusable)
            #expect(error?.remedy?.isEmpty == false)
            #expect(waits.withLock { $0 } == 1)
            #expect(try !Files.exists(bench.machineDirectory().record(MachineDirectory.Record.processLog)))

            // It comes while one waits, and udev sets its mode a moment later.
            var patient = QEMUBackend(state: bench.state, program: PGKVMHome.program.string) { _ in
                try? Files.write("", to: device, mode: [.ownerReadWrite, .groupReadWrite, .otherReadWrite])
                _ = chmod(device.string, 0o666)
            }
            patient.kvm = device
            try await patient.awaitKVM(for: QEMUUser(ids: .init(user: 1_879_048_192, group: 1_879_048_192)))
        }
    }

    /// Processes that run inside a directory.
    func processes(in directory: FilePath) throws -> [Int32] {
        let wanted = try #require(Files.status(directory))
        return try Files.list("/proc").compactMap { Int32($0) }.filter { id in
            let its = Files.status(FilePath("/proc/\(id)/cwd"))
            return its?.inode == wanted.inode && its?.device == wanted.device
        }
    }
}

extension Workbench {
    func monitor(_ body: (QMPClient) async throws -> Void) async throws {
        try await body(try #require(try await QMPClient.connect(machineDirectory().file(MachineDirectory.Name.monitorSocket))))
    }

    /// The names of the machine's block nodes.
    func nodes() async throws -> Set<String> {
        var names: Set<String> = []
        try await monitor { monitor in
            names = Set((try await monitor.execute("query-named-block-nodes").array ?? []).compactMap { $0["node-name"]?.string })
        }
        return names
    }
}
