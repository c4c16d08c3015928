import ApplianceModel
import Basics
import HostSystem
import MachineBackend
import SpecFile
import Synchronization
import SystemPackage
import TestSupport
import Testing
import Workflow

@testable import Deployment

/// What can become of a journal beside a machine that runs.
enum JournalHarm: String, CaseIterable, Sendable {
    case emptied, removed, cutAtLineEnd, cutInLine, cutToOneLine, othersJournal, directory, link, danglingLink, pipe

    func happen(to path: FilePath) async throws {
        let bytes = try Files.read(path)
        let lines = bytes.split(separator: UInt8(ascii: "\n"))
        func run(_ words: String...) async throws {
            try Files.remove(path)
            _ = try await ProgramRunner.check(words[0], Array(words.dropFirst()))
        }
        switch self {
        case .emptied: try Files.write("", to: path)
        case .removed: try Files.remove(path)
        case .cutAtLineEnd: try Files.write(Array(bytes.prefix(bytes.count - (lines.last?.count ?? 0) - 1)), to: path)
        case .cutInLine: try Files.write(Array(bytes.dropLast(20)), to: path)
        case .cutToOneLine: try Files.write(Array(lines[0]) + [UInt8(ascii: "\n")], to: path)
        case .othersJournal:
            // As long as the one that was there, and valid line by line.
            var other: [UInt8] = []
            let storage = Memory()
            let journal = try Journal(storage: storage)
            while other.count < bytes.count {
                try await journal.record(DeploymentFact(id: .random()))
                other = storage.bytes
            }
            try Files.write(other, to: path)
        case .directory: try await run("mkdir", path.string)
        case .link:
            let target = path.removingLastComponent().appending("elsewhere")
            try Files.write(bytes, to: target)
            try await run("ln", "-s", target.string, path.string)
        case .danglingLink: try await run("ln", "-s", "/nowhere", path.string)
        case .pipe: try await run("mkfifo", path.string)
        }
    }

    private final class Memory: JournalStorage, @unchecked Sendable {
        var bytes: [UInt8] = []
        func readAll() throws -> [UInt8] { bytes }
        func append(_ line: [UInt8]) throws { bytes += line }
        func truncate(toByteCount count: Int) { bytes = Array(bytes.prefix(count)) }
    }
}

@Suite("A journal that lost its lines beside a machine")
struct DamagedJournalTests {
    private func with(_ harm: JournalHarm, _ body: (Scratch, FakeHost, ApplianceEnvironment) async throws -> Void) async throws {
        try await Scratch.with { scratch in
            let appliance = try await scratch.withMachine()
            scratch.backend.set(.running, of: "db")
            try await harm.happen(to: appliance.directory.journal)
            let host = FakeHost(base: scratch.backend)
            try await body(scratch, host, ApplianceEnvironment(state: scratch.state, images: scratch.environment.images, platform: { _ in host }))
        }
    }

    @Test("Is damage and never new: nothing opens it, and no deployment gives the machine another identity", arguments: JournalHarm.allCases)
    func refused(harm: JournalHarm) async throws {
        try await with(harm) { scratch, _, environment in
            let error = #expect(throws: Failure.self) { try Appliance.open("db", in: environment) }
            #expect(error?.code == .journalUnusable)
            let damage = error?.cause as? Failure
            #expect(damage?.code == .journalDamaged)
            #expect(damage?.remedy?.contains("pgkvm delete db") == true)
            let directory = try scratch.directory()
            let before = try Self.snapshot(directory)
            var other = try scratch.spec()
            other.machine.vcpus = 1
            for spec in [try scratch.spec(), other] {
                let calls = scratch.backend.calls.count
                let refused = await #expect(throws: Failure.self) {
                    _ = try await Deployer(environment: environment, gate: UnattendedGate(onError: .keep), sink: Nobody()).deploy(spec)
                }
                #expect(refused?.code == .journalUnusable)
                #expect(scratch.backend.calls[calls...].allSatisfy { $0 == "find" || $0 == "powerState" })
                #expect(try Self.snapshot(directory) == before)
            }
        }
    }

    @Test("'list' and 'status' say the same of it, and what its machine does", arguments: JournalHarm.allCases)
    func told(harm: JournalHarm) async throws {
        try await with(harm) { scratch, host, environment in
            try await scratch.half("other")
            let listing = try await ApplianceListing.all(in: environment)
            #expect(listing.map(\.name) == ["db", "other"])
            let damaged = try #require(try DamagedAppliance("db", in: environment))
            let summary = try await ApplianceSummary.of(damaged)
            // The list reads no journal: what is as long as it was shows only to those who do.
            if harm != .othersJournal { #expect(listing.first?.deployment == "damaged") }
            #expect(listing.first?.state == "running")
            #expect(summary.deployment == "damaged")
            #expect(summary.state == "running")
            #expect(summary.reason?.contains("journal") == true)
            #expect(summary.remedy?.contains("journal.seal") == true)
            // Its record is gone too, and it runs all the same.
            host.lost.withLock { _ = $0.insert("db") }
            #expect(try await damaged.powerState() == .absent)
            host.strays.withLock { _ = $0.insert("db") }
            #expect(try await damaged.powerState() == .unresponsive)
            #expect(try DamagedAppliance("other", in: environment) == nil)
        }
    }

    @Test("'stop' ends the machine and 'delete' removes it, with and without the platform's record of it", arguments: JournalHarm.allCases, [true, false])
    func ended(harm: JournalHarm, isRecorded: Bool) async throws {
        try await with(harm) { scratch, host, environment in
            if !isRecorded {
                host.lost.withLock { _ = $0.insert("db") }
                host.strays.withLock { _ = $0.insert("db") }
            }
            let damaged = try #require(try DamagedAppliance("db", in: environment))
            try await damaged.stop(grace: .seconds(1), force: false)
            #expect(scratch.backend.calls.last == (isRecorded ? "shutDown" : "end"))
            #expect(try await damaged.powerState() == (isRecorded ? .off : .absent))
            if !isRecorded { host.strays.withLock { _ = $0.insert("db") } }
            try await damaged.delete()
            #expect(scratch.backend.calls.contains("delete") == isRecorded)
            #expect(scratch.backend.calls.last == "remove")
            #expect(try await !host.runs(scratch.spec().name))
            #expect(try !Files.exists(scratch.directory().path))
        }
    }

    @Test("One on another platform that nothing names is not removed here, unless that is asked for")
    func elsewhere() async throws {
        try await Scratch.with { scratch in
            let appliance = try await scratch.withMachine()
            var spec = appliance.context.spec
            spec.machine.backend = .libvirt
            try Files.write(SpecFile.render(spec), to: appliance.directory.spec)
            try await JournalHarm.emptied.happen(to: appliance.directory.journal)
            try Files.remove(appliance.directory.card)
            let damaged = try #require(try DamagedAppliance("db", in: scratch.environment))
            let error = await #expect(throws: Failure.self) { try await damaged.delete() }
            #expect(error?.code == .applianceDamaged)
            #expect(error?.remedy?.contains("pgkvm delete db --forget") == true)
            #expect(Files.exists(appliance.directory.path))
            #expect(try damaged.forget() == nil)
            #expect(!Files.exists(appliance.directory.path))
        }
    }

    @Test("A stop and a delete of a whole appliance ask also for what runs without a record")
    func strays() async throws {
        try await Scratch.with { scratch in
            _ = try await scratch.withMachine()
            let host = FakeHost(base: scratch.backend)
            let environment = ApplianceEnvironment(state: scratch.state, images: scratch.environment.images, platform: { _ in host })
            host.lost.withLock { _ = $0.insert("db") }
            host.strays.withLock { _ = $0.insert("db") }
            let appliance = try Appliance.open("db", in: environment)
            try await appliance.stop(grace: .seconds(1), force: true)
            #expect(scratch.backend.calls.last == "kill")
            host.strays.withLock { _ = $0.insert("db") }
            try await appliance.delete()
            #expect(try await !host.runs(appliance.name))
        }
    }

    @Test("A kill before the first line, and one while another spec begins anew, leave an appliance that is new")
    func newOnes() async throws {
        try await Scratch.with { scratch in
            let directory = try scratch.directory()
            try Files.createDirectory(directory.path)
            try Files.write(SpecFile.render(scratch.spec()), to: directory.spec)
            #expect(try DamagedAppliance("db", in: scratch.environment) == nil)
            try Files.write("", to: directory.journal)
            #expect(try DamagedAppliance("db", in: scratch.environment) == nil)
            try await scratch.half()
            #expect(Files.exists(directory.card) && Files.exists(directory.journalSeal))
            // What is removed for a beginning anew, in its order.
            for file in [directory.card, directory.journalSeal, directory.journal] {
                try Files.remove(file)
                #expect(try DamagedAppliance("db", in: scratch.environment) == nil, "without \(file)")
            }
            var other = try scratch.spec()
            other.machine.vcpus = 1
            try await scratch.half()
            scratch.backend.fail("checkHost", with: Failure(.unsupported, "no such luck"))
            _ = try await scratch.deploy(other)
            #expect(try Appliance.open("db", in: scratch.environment).context.spec.machine.vcpus == 1)
        }
    }

    @Test("A seal that lags, was torn or is gone is no damage; the next line renews it")
    func lagging() async throws {
        try await Scratch.with { scratch in
            try await scratch.half()
            let directory = try scratch.directory()
            let whole = try Files.read(directory.journalSeal)
            let bytes = try Files.read(directory.journal)
            let oneLine = Array(bytes.prefix(through: try #require(bytes.firstIndex(of: UInt8(ascii: "\n")))))
            for seal in [[], Array(whole.dropLast(9)), Array(whole.reversed()), whole + whole, []] {
                try Files.write(seal, to: directory.journalSeal)
                _ = try Appliance.open("db", in: scratch.environment)
            }
            try Files.remove(directory.journalSeal)
            JournalSeal(oneLine).write(to: directory.journalSeal)
            _ = try Appliance.open("db", in: scratch.environment)
            try await Appliance.open("db", in: scratch.environment).exclusively { try await $0.context.journal.record(KeptFact(directory: "/x")) }
            #expect(JournalSeal(contentsOf: directory.journalSeal) == JournalSeal(try Files.read(directory.journal)))
        }
    }

    @Test("Readers beside a writer never take what it has just written for damage")
    func beside() async throws {
        try await Scratch.with { scratch in
            try await scratch.half()
            let environment = scratch.environment
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask {
                    try await Appliance.open("db", in: environment).exclusively { appliance in
                        for index in 0..<300 { try await appliance.context.journal.record(KeptFact(directory: String(repeating: "x", count: index))) }
                    }
                }
                group.addTask {
                    while !Task.isCancelled {
                        _ = try Appliance.open("db", in: environment)
                        await Task.yield()
                    }
                }
                try await group.next()
                group.cancelAll()
                try await group.waitForAll()
            }
        }
    }

    private static func snapshot(_ directory: ApplianceDirectory) throws -> [String] {
        try Files.list(directory.path).filter { $0 != "lock" }.map { name in
            let path = directory.path.appending(name)
            guard let status = Files.status(path, followLinks: false), status.isRegularFile else { return name }
            return "\(name) \(try Files.read(path))"
        }
    }
}

private struct Nobody: EventSink {
    func receive(_ event: WorkflowEvent) {}
}
