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

/// Machines that hang, end, or are not ours.
extension RunningMachineTests {
    @Test("A QEMU that hangs is unresponsive however often one asks, is not started again, and a power cut ends it")
    func hanging() async throws {
        try await Workbench.with { bench in
            let machine = try await bench.backend.create(bench.spec())
            try await bench.backend.start(machine)
            let process = try #require(try await bench.backend.processID(of: machine))
            #expect(kill(process, SIGSTOP) == 0)
            for _ in 0..<3 { #expect(try await bench.backend.powerState(of: machine) == .unresponsive) }
            #expect(try await bench.backend.processID(of: machine) == process)
            let error = await #expect(throws: Failure.self) { try await bench.backend.start(machine) }
            #expect(error?.remedy == "pgkvm stop --force orders")
            try await bench.backend.powerOff(machine)
            #expect(try await bench.backend.powerState(of: machine) == .off)
            #expect(try processes(in: bench.machineDirectory().path).isEmpty)
        }
    }

    @Test("What QEMU says when it ends at once is in the failure")
    func damaged() async throws {
        try await Workbench.with { bench in
            let machine = try await bench.backend.create(bench.spec())
            let disk = try bench.machineDirectory().file(Name.systemDisk)
            try Files.write("not a disk", to: disk)
            try QEMUUser.of(#require(try QEMUMachine.load(from: bench.machineDirectory()))).own(disk)
            let error = await #expect(throws: Failure.self) { try await bench.backend.start(machine) }
            #expect(error?.code == .machineFailed)
            #expect(error?.message.hasPrefix("QEMU ended at once with status 1:\n") == true)
            #expect(error?.message.contains("qcow2") == true)
            #expect(try await bench.backend.powerState(of: machine) == .off)
        }
    }

    @Test("A port that somebody took is named before QEMU starts")
    func portTaken() async throws {
        try await Workbench.with { bench in
            let first = try await bench.backend.create(bench.spec())
            let ports = try #require(try QEMUMachine.load(from: bench.machineDirectory())).spec.network
            let second = try await bench.backend.create(bench.spec("second") { $0.ports = (ports.sshPort, ports.postgresqlPort) })
            try await bench.backend.start(first)
            let error = await #expect(throws: Failure.self) { try await bench.backend.start(second) }
            #expect(error?.code == .portInUse)
            #expect(error?.remedy?.contains("sport = :\(ports.sshPort)") == true)
            #expect(try await bench.backend.powerState(of: second) == .off)
        }
    }

    @Test("A stranger's machine of the same name is neither asked, started, stopped nor deleted")
    func stranger() async throws {
        try await Workbench.with { bench in
            let machine = try await bench.backend.create(bench.spec())
            try await bench.backend.start(machine)
            let stranger = MachineReference(backend: .qemu, deployment: .random(), identifier: machine.identifier)
            let calls: [@Sendable () async throws -> Void] = [
                { try await bench.backend.start(stranger) }, { try await bench.backend.powerOff(stranger) },
                { try await bench.backend.shutDown(stranger, grace: .seconds(1)) }, { try await bench.backend.delete(stranger) },
                { try await bench.backend.detachSeed(from: stranger) },
            ]
            for call in calls {
                let error = await #expect(throws: Failure.self) { try await call() }
                #expect(error?.code == .machineStranger)
            }
            #expect(try await bench.backend.powerState(of: stranger) == .absent)
            #expect(try await bench.backend.powerState(of: machine) == .running)
        }
    }
}
