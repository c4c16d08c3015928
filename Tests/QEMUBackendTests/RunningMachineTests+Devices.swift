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

/// The seed, variants of the disks, and the serial log.
extension RunningMachineTests {
    @Test("A seed is a disk of the next start, stays when the guest keeps it, and goes with its file when the machine is off")
    func seed() async throws {
        try await Workbench.with { bench in
            let machine = try await bench.backend.create(bench.spec())
            let directory = try bench.machineDirectory()
            let medium = bench.state.path.appending("seed.partial")
            try Files.write([UInt8](repeating: 1, count: 1 << 16), to: medium)
            try await bench.backend.attachSeed(medium, to: machine)
            #expect(!Files.exists(medium))
            #expect(Files.status(directory.file(Name.seed))?.permissions == 0o600)

            try await bench.backend.start(machine)
            #expect(try await bench.nodes().isSuperset(of: ["seed", "seed-file"]))
            // Firmware takes no part in hot-unplug. Asked twice, since QEMU refuses a request that repeats one under way.
            for _ in 0..<2 {
                let error = await #expect(throws: Failure.self) { try await bench.backend.detachSeed(from: machine, within: .seconds(1)) }
                #expect(error?.code == .machineFailed)
                #expect(error?.remedy?.contains("pgkvm restart orders") == true)
            }
            #expect(try await bench.backend.powerState(of: machine) == .running)
            #expect(Files.exists(directory.file(Name.seed)))

            try await bench.backend.powerOff(machine)
            for _ in 0..<2 { try await bench.backend.detachSeed(from: machine) }
            #expect(!Files.exists(directory.file(Name.seed)))
            try await bench.backend.start(machine)
            #expect(try await bench.nodes().isDisjoint(with: ["seed", "seed-file"]))
        }
    }

    @Test("A seed file that a killed detach left is removed by the next")
    func leftSeed() async throws {
        try await Workbench.with { bench in
            let machine = try await bench.backend.create(bench.spec())
            let left = try bench.machineDirectory().file(Name.seed)
            try Files.write("secret", to: left)
            try await bench.backend.detachSeed(from: machine)
            #expect(!Files.exists(left))
        }
    }

    @Test("A machine with an I/O thread and each usable aio mode, or with BIOS firmware, is taken by the installed QEMU")
    func variants() async throws {
        try await Workbench.with { bench in
            let (decision, _) = try await DiskProbe.decide(directory: bench.state.path, abilities: .probe(), vcpus: 1, hostCPUs: 2)
            let variants: [(inout SpecParts) -> Void] = [
                { parts in
                    parts.ioThread = true
                    parts.aio = decision.aio
                    parts.direct = decision.cacheDirect
                },
                { parts in
                    parts.direct = false
                    parts.aio = .ioUring
                },
                { $0.firmware = .bios },
            ]
            for (index, change) in variants.enumerated() {
                let machine = try await bench.backend.create(bench.spec("variant-\(index)", change))
                try await bench.backend.start(machine)
                #expect(try await bench.backend.powerState(of: machine) == .running)
                try await bench.backend.delete(machine)
            }
        }
    }

    @Test("A serial log that has grown is cut to its end at the next start")
    func serialLog() async throws {
        try await Workbench.with { bench in
            let machine = try await bench.backend.create(bench.spec())
            let log = try #require(bench.backend.serialLog(of: machine))
            try Files.write([UInt8](repeating: UInt8(ascii: "a"), count: 5 << 20) + Array("the end".utf8), to: log)
            try await bench.backend.start(machine)
            let text = try Files.readText(log)
            #expect(text.utf8.count < 2 << 20)
            #expect(text.contains("the end"))
        }
    }
}
