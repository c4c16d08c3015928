import ApplianceModel
import Basics
import Foundation
import Glibc
import HostSystem
import MachineBackend
import SystemPackage
import Testing

@testable import QEMUBackend

@Suite("What a machine's disks have carried", .timeLimit(.minutes(40)))
struct UsageTests {
    @Test("The recorded answer of QEMU holds both disks")
    func recorded() throws {
        let path = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().appending(path: "Fixtures/qmp-10.0-blockstats.json")
        let answer = try JSONDecoder().decode(JSONValue.self, from: Data(contentsOf: path))
        let usage = QEMUBackend.usage(try #require(answer["return"]))
        #expect(usage.map(\.disk) == [.system, .data])
        #expect(usage.allSatisfy { $0.reads > 0 && $0.readBytes >= $0.reads })
        #expect(QEMUBackend.usage(.null).isEmpty)
        #expect(QEMUBackend.usage(.array([.object(["qdev": .string("/machine/peripheral/data-disk/virtio-backend")])])).isEmpty)
    }

    @Test("A machine tells its state and its disks; one that hangs is unresponsive, one that is off has none")
    func real() async throws {
        try await Workbench.with { bench in
            let machine = try await bench.backend.create(bench.spec())
            #expect(try await bench.backend.usage(of: machine, timeout: .seconds(10)) == MachineUsage(state: .off))
            try await bench.backend.start(machine)
            // The firmware reads from both disks in search of something to start.
            try await eventually {
                let usage = try await bench.backend.usage(of: machine, timeout: .seconds(10))
                #expect(usage.state == .running)
                #expect(usage.disks.map(\.disk) == [.system, .data])
                return usage.disks.contains { $0.readBytes > 0 }
            }
            let process = try #require(try await bench.backend.processID(of: machine))
            #expect(kill(process, SIGSTOP) == 0)
            #expect(try await bench.backend.usage(of: machine, timeout: .milliseconds(200)) == MachineUsage(state: .unresponsive))
            #expect(kill(process, SIGCONT) == 0)
            let stranger = MachineReference(backend: .qemu, deployment: .random(), identifier: machine.identifier)
            #expect(try await bench.backend.usage(of: stranger, timeout: .seconds(10)) == MachineUsage(state: .absent))
        }
    }

    @Test("The command that a start would run is the one that runs")
    func command() async throws {
        try await Workbench.with { bench in
            let machine = try await bench.backend.create(bench.spec())
            let command = try await bench.backend.command(of: machine)
            try await bench.backend.start(machine)
            let process = try #require(try await bench.backend.processID(of: machine))
            let running = try Files.read(FilePath("/proc/\(process)/cmdline")).split(separator: 0).map { String(decoding: $0, as: UTF8.self) }
            #expect(command.suffix(running.count - 1) == running.dropFirst())
        }
    }
}
