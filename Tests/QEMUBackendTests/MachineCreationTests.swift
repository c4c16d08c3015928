import ApplianceModel
import Basics
import Foundation
import Glibc
import HostSystem
import MachineBackend
import SystemPackage
import TestSupport
import Testing

@testable import QEMUBackend

@Suite("Making and removing a machine's files")
struct MachineCreationTests {
    private typealias Name = MachineDirectory.Name

    @Test("A machine's files are complete, private and really allocated")
    func complete() async throws {
        try await Workbench.with { bench in
            let spec = try bench.spec()
            let machine = try await bench.backend.create(spec)
            let directory = try bench.machineDirectory()
            #expect(machine == MachineReference(backend: .qemu, deployment: spec.deployment, identifier: "orders"))
            #expect(try Files.list(directory.path) == [Name.dataDisk, Name.systemDisk, Name.firmwareVariables])
            #expect(try Files.list(directory.records) == [MachineDirectory.Record.machine])
            for place in [directory.path, directory.records] { #expect(Files.status(place)?.permissions == 0o700) }
            // Who owns the directory above could exchange QEMU's own for another.
            for place in [directory.records, directory.path.removingLastComponent()] { #expect(Files.status(place)?.owner == geteuid()) }
            #expect(Files.status(directory.record(MachineDirectory.Record.machine))?.permissions == 0o600)
            for file in try Files.list(directory.path) { #expect(Files.status(directory.file(file))?.permissions == 0o600, "\(file)") }

            let data = try #require(Files.status(directory.file(Name.dataDisk)))
            #expect(data.size == spec.dataDiskSize)
            #expect(data.allocated >= spec.dataDiskSize)
            let system = try await imageInformation(directory.file(Name.systemDisk))
            #expect(system["virtual-size"]?.integer == spec.systemDisk.size.bytes)
            #expect(system["format"]?.string == "qcow2")
            #expect(system["backing-filename"] == nil)
            #expect(try await bench.backend.find(spec.deployment, name: spec.name) == machine)
            #expect(try await bench.backend.find(.random(), name: spec.name) == nil)
            #expect(try await bench.backend.powerState(of: machine) == .off)
        }
    }

    @Test("A raw image becomes a qcow2 disk of its own with the same content")
    func rawImage() async throws {
        try await Workbench.with { bench in
            _ = try await bench.backend.create(
                bench.spec { parts in
                    parts.image = bench.rawImage.string
                    parts.format = .raw
                    parts.systemDisk.size = .mebibytes(1)
                })
            let disk = try bench.machineDirectory().file(Name.systemDisk)
            #expect(try await ProgramRunner.run("qemu-img", ["compare", "-F", "raw", "-f", "qcow2", disk.string, bench.rawImage.string]).status == 0)
        }
    }

    @Test("A second call makes nothing anew, and a stranger of the same name is refused")
    func repeated() async throws {
        try await Workbench.with { bench in
            let spec = try bench.spec()
            let machine = try await bench.backend.create(spec)
            let directory = try bench.machineDirectory()
            let before = try Files.list(directory.path).map { Files.status(directory.file($0))?.inode }
            #expect(try await bench.backend.create(spec) == machine)
            #expect(try Files.list(directory.path).map { Files.status(directory.file($0))?.inode } == before)

            let other = try bench.spec()
            let error = await #expect(throws: Failure.self) { _ = try await bench.backend.create(other) }
            #expect(error?.code == .machineStranger)
        }
    }

    @Test("What a killed call left is finished by the next", arguments: ["record only", "half a system disk", "half a data disk", "all but the record"])
    func resumed(interruption: String) async throws {
        try await Workbench.with { bench in
            let spec = try bench.spec()
            let directory = try bench.machineDirectory()
            _ = try await bench.backend.create(spec)
            var unfinished = try #require(try QEMUMachine.load(from: directory))
            unfinished.isComplete = false
            try unfinished.save(to: directory)
            switch interruption {
            case "record only":
                for file in [Name.dataDisk, Name.systemDisk, Name.firmwareVariables] { try Files.remove(directory.file(file)) }
            case "half a system disk":
                try Files.remove(directory.file(Name.systemDisk))
                try Files.write("half", to: directory.file("system.partial"))
            case "half a data disk":
                try Files.remove(directory.file(Name.dataDisk))
                try FileSystems.allocate(directory.file(Name.dataDisk), size: .mebibytes(3))
            default: break
            }
            _ = try await bench.backend.create(spec)
            #expect(try QEMUMachine.load(from: directory)?.isComplete == true)
            #expect(try Files.list(directory.path) == [Name.dataDisk, Name.systemDisk, Name.firmwareVariables])
            #expect(Files.status(directory.file(Name.dataDisk))?.size == spec.dataDiskSize)
            #expect(try await imageInformation(directory.file(Name.systemDisk))["virtual-size"]?.integer == spec.systemDisk.size.bytes)
        }
    }

    @Test("A machine that is not complete does not start")
    func incomplete() async throws {
        try await Workbench.with { bench in
            let machine = try await bench.backend.create(bench.spec())
            var record = try #require(try QEMUMachine.load(from: bench.machineDirectory()))
            record.isComplete = false
            try record.save(to: bench.machineDirectory())
            let error = await #expect(throws: Failure.self) { try await bench.backend.start(machine) }
            #expect(error?.code == .machineFailed)
        }
    }

    @Test("The base of an overlay is in the state directory, survives the cache and cannot be written")
    func overlay() async throws {
        try await Workbench.with { bench in
            let machine = try await bench.backend.create(bench.spec { $0.systemDisk.layout = .overlay })
            try Files.remove(bench.image)
            let directory = try bench.machineDirectory()
            let system = try await imageInformation(directory.file(Name.systemDisk))
            #expect(system["backing-filename"]?.string == Name.overlayBase)
            let base = try #require(Files.status(directory.file(Name.overlayBase)))
            #expect(base.permissions == 0o444)
            #expect(try Files.list(bench.state.overlayBases) == ["key.qcow2"])
            try Files.remove(bench.state.overlayBases)
            #expect(Files.status(directory.file(Name.overlayBase))?.inode == base.inode)
            // As the user that QEMU runs as, with relative names.
            try await bench.backend.start(machine)
            #expect(try await bench.backend.powerState(of: machine) == .running)
        }
    }

    @Test("An image that stands on another one is not copied")
    func backedImage() async throws {
        try await Workbench.with { bench in
            let overlay = bench.directory.appending("overlay.qcow2")
            _ = try await ProgramRunner.check("qemu-img", ["create", "-q", "-f", "qcow2", "-b", bench.image.string, "-F", "qcow2", overlay.string])
            let error = await #expect(throws: Failure.self) { _ = try await bench.backend.create(bench.spec { $0.image = overlay.string }) }
            #expect(error?.message.contains("overlay") == true)
            #expect(try !Files.list(bench.machineDirectory().path).contains("system.partial"))
        }
    }

    @Test("A kept disk is moved in with its content")
    func adopted() async throws {
        try await Workbench.with { bench in
            let kept = bench.state.path.appending(".kept")
            try Files.createDirectory(kept)
            let disk = kept.appending("data.raw")
            try Files.write([UInt8](repeating: 42, count: 1 << 20), to: disk)
            let inode = Files.status(disk)?.inode
            _ = try await bench.backend.create(
                bench.spec { parts in
                    parts.adopted = disk.string
                    parts.dataSize = .mebibytes(1)
                })
            let data = try bench.machineDirectory().file(Name.dataDisk)
            #expect(Files.status(data)?.inode == inode)
            #expect(try Files.read(data) == [UInt8](repeating: 42, count: 1 << 20))
            #expect(!Files.exists(disk))
        }
    }

    @Test("A kept disk that is missing, of another size or a link is refused, and stays", arguments: ["missing", "size", "link"])
    func notAdopted(fault: String) async throws {
        try await Workbench.with { bench in
            let disk = bench.directory.appending("kept.raw")
            if fault != "missing" { try Files.write([1, 2, 3], to: disk) }
            var named = disk
            if fault == "link" {
                named = bench.directory.appending("link")
                _ = try await ProgramRunner.check("ln", ["-s", disk.string, named.string])
            }
            let error = await #expect(throws: Failure.self) { _ = try await bench.backend.create(bench.spec { $0.adopted = named.string }) }
            #expect(error?.code == .diskCannotAdopt)
            #expect(error?.remedy != nil)
            #expect(Files.exists(disk) == (fault != "missing"))
        }
    }

    @Test("Disks without a record are neither used nor overwritten")
    func unknownDisks() async throws {
        try await Workbench.with { bench in
            let directory = try bench.machineDirectory()
            try Files.createDirectory(directory.path)
            try Files.write("somebody's data", to: directory.file(Name.dataDisk))
            let error = await #expect(throws: Failure.self) { _ = try await bench.backend.create(bench.spec()) }
            #expect(error?.code == .machineStranger)
            #expect(try Files.readText(directory.file(Name.dataDisk)) == "somebody's data")
        }
    }

    @Test("A record that is damaged or newer is refused", arguments: ["{", "{}", #"{"formatVersion": 99}"#])
    func record(text: String) async throws {
        try await Workbench.with { bench in
            let spec = try bench.spec()
            _ = try await bench.backend.create(spec)
            let path = try bench.machineDirectory().record(MachineDirectory.Record.machine)
            try Files.write(text, to: path)
            let error = await #expect(throws: Failure.self) { _ = try await bench.backend.find(spec.deployment, name: spec.name) }
            #expect(error?.code == (text.contains("99") ? .newerFormat : .machineFailed))
        }
    }

    @Test("A delete that was killed goes on, and one of nothing does nothing")
    func delete() async throws {
        try await Workbench.with { bench in
            let spec = try bench.spec()
            let machine = try await bench.backend.create(spec)
            let directory = try bench.machineDirectory()
            try Files.remove(directory.file(Name.dataDisk))
            #expect(try await bench.backend.find(spec.deployment, name: spec.name) == machine)
            for _ in 0..<2 {
                try await bench.backend.delete(machine)
                #expect(!Files.exists(directory.path) && !Files.exists(directory.records))
                #expect(try await bench.backend.powerState(of: machine) == .absent)
            }
        }
    }

    @Test(
        "On a full disk the failure says so, and nothing is claimed",
        .enabled("a small file system is mounted, which needs the right to mount") { await SmallFileSystem.isPossible })
    func fullDisk() async throws {
        try await Workbench.with { bench in
            let mount = bench.directory.appending("small")
            try Files.createDirectory(mount)
            try await SmallFileSystem.with(size: "4m", at: mount) { root in
                let state = StateDirectory(path: root.appending("state"))
                let backend = QEMUBackend(state: state, program: "pgkvm")
                try Files.createDirectory(state.path)
                let before = try Files.freeSpace(at: root)
                let large = await #expect(throws: Failure.self) { _ = try await backend.create(bench.spec { $0.dataSize = .mebibytes(64) }) }
                #expect(large?.code == .diskFull)
                #expect(large?.remedy != nil)
                let after = try Files.freeSpace(at: root)
                #expect(before.bytes - after.bytes < 64 << 10)

                // The data disk fits, the system disk does not.
                let small = await #expect(throws: Failure.self) {
                    _ = try await backend.create(
                        bench.spec("second") { parts in
                            parts.dataSize = .mebibytes(3)
                            parts.image = bench.rawImage.string
                            parts.format = .raw
                        })
                }
                #expect(small?.code == .diskFull)
                let second = try #require(ApplianceName("second"))
                #expect(try !Files.list(state.appliance(second).machine().path).contains("system.partial"))
            }
        }
    }

    private func imageInformation(_ path: FilePath) async throws -> JSONValue {
        let result = try await ProgramRunner.check("qemu-img", ["info", "-U", "--output=json", path.string])
        return try JSONDecoder().decode(JSONValue.self, from: Data(result.standardOutput))
    }
}
