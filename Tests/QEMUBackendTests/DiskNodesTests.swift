import ApplianceModel
import Basics
import Foundation
import HostSystem
import MachineBackend
import SystemPackage
import TestSupport
import Testing

@testable import QEMUBackend
@testable import Verification

@Suite("What QEMU says of its disks")
struct DiskAnswersTests {
    /// Answers of QEMU 10.0.2 for a deployed appliance.
    private func recorded(_ name: String) throws -> String {
        try Files.readText(FilePath(#filePath).removingLastComponent().removingLastComponent().appending("Fixtures").appending(name))
    }

    private func answer(_ text: String) throws -> JSONValue {
        try #require(try JSONDecoder().decode(JSONValue.self, from: Data(text.utf8))["return"])
    }

    private static let names = [
        "data", "data-file", "system", "system-file", "firmware-code", "firmware-code-file", "firmware-variables", "firmware-variables-file",
    ]

    @Test("Every node is read, with its own flags and what was decided of it")
    func nodes() throws {
        let nodes = try QEMUBackend.nodes(answer(recorded("qmp-10.0-block-nodes.json")), cacheDirect: true)
        #expect(Set(nodes.map(\.name)).isSuperset(of: Self.names))
        #expect(nodes.allSatisfy { !$0.dropsFlushes })
        #expect(Set(nodes.filter { $0.decidedDirect == true }.map(\.name)) == ["data", "data-file", "system", "system-file"])
        #expect(nodes.filter { $0.decidedDirect != nil }.allSatisfy { $0.isDirect && $0.isWritable })
        #expect(nodes.first { $0.name == "firmware-code" }?.isWritable == false)
        #expect(nodes.first { $0.name == "system" }?.driver == "qcow2")
    }

    @Test("cache=unsafe is seen at whichever node it was set", arguments: names)
    func unsafe(name: String) throws {
        let text = try recorded("qmp-10.0-block-nodes.json")
        guard case .array(var rows) = try answer(text), let index = rows.firstIndex(where: { $0["node-name"]?.string == name }),
            case .object(var row) = rows[index], case .object(var cache) = row["cache"]
        else {
            Issue.record("\(name) is not in the recording")
            return
        }
        cache["no-flush"] = .bool(true)
        row["cache"] = .object(cache)
        rows[index] = .object(row)
        let nodes = try QEMUBackend.nodes(.array(rows), cacheDirect: true)
        #expect(nodes.filter(\.dropsFlushes).map(\.name) == [name])
    }

    @Test("A node without one of its flags is refused instead of taken for good", arguments: ["node-name", "drv", "ro", "cache"])
    func incomplete(key: String) throws {
        let text = try recorded("qmp-10.0-block-nodes.json").replacing("\"\(key)\":", with: "\"former\":")
        #expect(throws: Failure.self) { try QEMUBackend.nodes(answer(text), cacheDirect: true) }
        #expect(throws: Failure.self) { try QEMUBackend.nodes(.object([:]), cacheDirect: true) }
    }

    @Test("Counters are those of the device that is asked for")
    func counters() throws {
        let answer = try answer(recorded("qmp-10.0-blockstats.json"))
        let data = try QEMUBackend.counters(answer, device: "data-disk")
        #expect(data.writes > 0 && data.flushes > 0)
        #expect(try QEMUBackend.counters(answer, device: "system-disk") != data)
        #expect(throws: Failure.self) { try QEMUBackend.counters(answer, device: "data") }
        #expect(throws: Failure.self) { try QEMUBackend.counters(.array([]), device: "data-disk") }
    }
}

/// Real QEMUs that have not begun to run a guest.
@Suite("Disks of a machine's process", .serialized, .timeLimit(.minutes(40)))
struct RunningDisksTests {
    private struct Unsafe: Sendable, CustomTestStringConvertible {
        let aio: DiskDecision.AIO
        /// Nil for an honest machine.
        let node: String?
        var testDescription: String { "aio=\(aio.rawValue), \(node ?? "honest")" }
    }

    private static let nodes = ["data-file", "data", "system-file", "system"]
    private static let cases = DiskDecision.AIO.allCases.flatMap { aio in ([nil] + nodes).map { Unsafe(aio: aio, node: $0) } }

    @Test("A node that drops flushes is named whichever it is, and an honest machine never accused, with each aio", arguments: cases)
    private func unsafe(machine wanted: Unsafe) async throws {
        try await Workbench.with { bench in
            let machine = try await bench.backend.create(bench.spec { $0.aio = wanted.aio })
            try await bench.startStopped { argument in
                guard let node = wanted.node, argument.contains("node-name=\(node),") else { return argument }
                return argument.replacing("cache.no-flush=off", with: "cache.no-flush=on")
            }
            let nodes = try #require(try await bench.backend.diskNodes(of: machine))
            // A file node hands the flag on to no other; each carries its own.
            #expect(nodes.filter(\.dropsFlushes).map(\.name) == [wanted.node].compactMap { $0 })
            #expect(nodes.filter { $0.decidedDirect != nil && $0.decidedDirect != $0.isDirect }.isEmpty)
            #expect(nodes.count { $0.decidedDirect != nil } == 4)
        }
    }

    @Test("A node that is told to drop flushes while QEMU runs is never missed, and honest ones are never accused", arguments: nodes)
    func toldToDrop(node: String) async throws {
        try await Workbench.with { bench in
            let machine = try await bench.backend.create(bench.spec())
            try await bench.startStopped()
            let outcome = try await LieDetection.alternate { isLie, _ in
                try await bench.setDropsFlushes(isLie, of: node)
                let finding = DurabilityChecks.judge(try #require(try await bench.backend.diskNodes(of: machine)))
                if isLie { #expect(finding.measured.hasPrefix("\(node) (") && finding.measured.hasSuffix(" drops flushes")) }
                return finding
            }
            #expect(outcome == .perfect)
        }
    }

    @Test("A lent disk is found by its serial and counted, is lent again after a killed run, and leaves nothing behind", arguments: [false, true])
    func lent(ioThread: Bool) async throws {
        try await Workbench.with { bench in
            let backend = bench.backend
            let machine = try await backend.create(bench.spec { $0.ioThread = ioThread })
            try await bench.startStopped()
            let before = try await bench.nodes()
            try await backend.detachNullDisk(from: machine, serial: "probe")
            // The second one finds what the first one left.
            for latency in [Duration.zero, .milliseconds(5)] {
                try await bench.lettingGo { try await backend.attachNullDisk(to: machine, serial: "probe", latency: latency) }
            }
            #expect(try await bench.nodes() == before.union(["lent-probe"]))
            #expect(try await backend.diskCounters(of: machine, serial: "probe").writes == 0)
            #expect(try await backend.diskNodes(of: machine)?.first { $0.name == "lent-probe" }?.driver == "null-co")
            try await backend.attachNullDisk(to: machine, serial: "second", latency: .zero)
            for serial in ["probe", "second", "second"] {
                try await bench.lettingGo { try await backend.detachNullDisk(from: machine, serial: serial) }
            }
            #expect(try await bench.nodes() == before)
            let error = await #expect(throws: Failure.self) { try await backend.diskCounters(of: machine, serial: "probe") }
            #expect(error?.code == .machineFailed)
        }
    }

    @Test("There is a disk for each root port; one more is refused, and leaves nothing behind")
    func ports() async throws {
        try await Workbench.with { bench in
            let backend = bench.backend
            let machine = try await backend.create(bench.spec())
            try await bench.startStopped()
            let serials = (0..<QEMUCommandLine.rootPorts).map { "probe\($0)" }
            for serial in serials { try await backend.attachNullDisk(to: machine, serial: serial, latency: .zero) }
            let full = try await bench.nodes()
            let error = await #expect(throws: Failure.self) { try await backend.attachNullDisk(to: machine, serial: "one-more", latency: .zero) }
            #expect(error?.code == .machineFailed)
            #expect(try await bench.nodes() == full)
            try await bench.lettingGo {
                for serial in serials { try await backend.detachNullDisk(from: machine, serial: serial) }
            }
            #expect(try await bench.nodes().isDisjoint(with: full.filter { $0.hasPrefix("lent-") }))
        }
    }

    @Test("Data and system disk are counted apart; an unknown serial, an impossible one and a machine that is off are failures")
    func refused() async throws {
        try await Workbench.with { bench in
            let backend = bench.backend
            let machine = try await backend.create(bench.spec())
            let off = await #expect(throws: Failure.self) { try await backend.diskNodes(of: machine) }
            #expect(off?.remedy == "pgkvm start orders")
            try await bench.startStopped()
            for serial in ["pgdata", "system"] { _ = try await backend.diskCounters(of: machine, serial: serial) }
            await #expect(throws: Failure.self) { try await backend.diskCounters(of: machine, serial: "nothing") }
            for serial in ["", "a,b", "a b", String(repeating: "a", count: 21), "ä"] {
                let error = await #expect(throws: Failure.self) { try await backend.attachNullDisk(to: machine, serial: serial, latency: .zero) }
                #expect(error?.code == .invalidInput)
            }
        }
    }
}

extension Workbench {
    /// Starts the machine's QEMU without letting its processors run.
    fileprivate func startStopped(_ change: (String) -> String = { $0 }) async throws {
        let directory = try machineDirectory()
        let record = try #require(try QEMUMachine.load(from: directory))
        let command = try await command { arguments in
            let changed = arguments.map(change)
            #expect(changed.count { $0.contains("cache.no-flush=on") } == (changed == arguments ? 0 : 1))
            return changed + ["-S"]
        }
        let ended = try await SessionSupervisor().start(command, for: record.spec.name, in: directory)
        try await eventually {
            if let how = await ended() {
                let log = try Files.readText(directory.record(MachineDirectory.Record.processLog))
                throw Failure(.machineFailed, "QEMU ended \(how): \(log)")
            }
            return try await QMPClient.connect(directory.file(MachineDirectory.Name.monitorSocket)) != nil
        }
    }

    /// Opens a disk's node anew as it was, but for the flag of `cache=unsafe`.
    fileprivate func setDropsFlushes(_ dropsFlushes: Bool, of node: String) async throws {
        var options: [String: JSONValue] = [
            "node-name": .string(node), "discard": .string("ignore"),
            "cache": .object(["direct": .bool(true), "no-flush": .bool(dropsFlushes)]),
        ]
        if node.hasSuffix("-file") {
            options["driver"] = .string("file")
            options["aio"] = .string("threads")
            options["filename"] = .string(node == "data-file" ? MachineDirectory.Name.dataDisk : MachineDirectory.Name.systemDisk)
        } else {
            options["driver"] = .string(node == "data" ? "raw" : "qcow2")
            options["file"] = .string("\(node)-file")
        }
        try await monitor { [options] in try await $0.execute("blockdev-reopen", ["options": .array([.object(options)])]) }
    }

    /// Without a guest nobody lets go of a device; a reset carries out what it was asked for.
    fileprivate func lettingGo(_ body: () async throws -> Void) async throws {
        let resets = Task {
            while !Task.isCancelled {
                try? await monitor { try await $0.execute("system_reset") }
                try await Task.sleep(for: .milliseconds(200))
            }
        }
        let result = await Result { try await body() }
        resets.cancel()
        _ = await resets.result
        try result.get()
    }
}

extension Result where Failure == any Error {
    fileprivate init(_ body: () async throws -> Success) async {
        do { self = .success(try await body()) } catch { self = .failure(error) }
    }
}
