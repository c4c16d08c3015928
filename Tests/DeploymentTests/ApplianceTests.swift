import ApplianceModel
import Basics
import HostSystem
import MachineBackend
import SpecFile
import SystemPackage
import TestSupport
import Testing
import Workflow

@testable import Deployment

@Suite("Opening an appliance")
struct ApplianceTests {
    @Test("An unknown name is refused with the names that there are")
    func unknown() async throws {
        try await Scratch.with { scratch in
            let none = #expect(throws: Failure.self) { try Appliance.open("db", in: scratch.environment) }
            #expect(none?.code == .applianceNotFound)
            #expect(none?.remedy == "pgkvm deploy db")
            try await scratch.half("one")
            try await scratch.half("two")
            let some = #expect(throws: Failure.self) { try Appliance.open("db", in: scratch.environment) }
            #expect(some?.code == .applianceNotFound)
            #expect(some?.message.contains("'\(scratch.state.path)'") == true)
            #expect(some?.remedy == "choose one of: one, two")
        }
    }

    @Test("A name that none can have is refused and never becomes a path", arguments: ["", "DB", "../db", "db/", "-db", "db-", "a--b", "däb", ".kept"])
    func badName(name: String) async throws {
        try await Scratch.with { scratch in
            let error = #expect(throws: Failure.self) { try Appliance.open(name, in: scratch.environment) }
            #expect(error?.code == .invalidInput)
            #expect(error?.remedy?.contains(ApplianceName.rule) == true)
        }
    }

    @Test("A damaged spec is named with its path")
    func damagedSpec() async throws {
        try await Scratch.with { scratch in
            try await scratch.half()
            let path = try scratch.directory().spec
            try Files.write("formatVersion: 1\nname: db\nmachine: [\n", to: path)
            let error = #expect(throws: Failure.self) { try Appliance.open("db", in: scratch.environment) }
            #expect(error?.code == .specInvalid)
            #expect(error?.message.contains(path.string) == true)
        }
    }

    @Test("A damaged journal is named with its path, the line as the cause, and left as it is")
    func damagedJournal() async throws {
        try await Scratch.with { scratch in
            try await scratch.half()
            let path = try scratch.directory().journal
            var bytes = try Files.read(path)
            bytes[bytes.count / 4] ^= 1
            try Files.write(bytes, to: path)
            let error = #expect(throws: Failure.self) { try Appliance.open("db", in: scratch.environment) }
            #expect(error?.code == .journalUnusable)
            #expect(error?.message == "'\(path)' cannot be used")
            #expect((error?.cause as? Failure)?.code == .journalDamaged)
            #expect(try Files.read(path) == bytes)
        }
    }

    @Test("Opening changes no byte of the journal, also where its last line is torn; whoever works on it repairs it")
    func opensReadOnly() async throws {
        try await Scratch.with { scratch in
            try await scratch.half()
            let path = try scratch.directory().journal
            let whole = try Files.read(path)
            let torn = whole + Array(#"{"formatVersion":1,"seq"#.utf8)
            try Files.write(torn, to: path)
            let appliance = try Appliance.open("db", in: scratch.environment)
            #expect(try await appliance.context.journal.fact(DeploymentFact.self) != nil)
            #expect(try await appliance.powerState() == .absent)
            #expect(try await !appliance.isVerified())
            #expect(try Files.read(path) == torn)
            await #expect(throws: Failure.self) { try await appliance.context.journal.record(DeploymentFact(id: .random())) }
            #expect(try Files.read(path) == torn)

            try await appliance.exclusively { _ in }
            #expect(try Files.read(path) == whole)
        }
    }

    @Test("Only one works on an appliance: the second is told, and the lock goes when the first is done or has failed")
    func busy() async throws {
        try await Scratch.with { scratch in
            try await scratch.half()
            let appliance = try Appliance.open("db", in: scratch.environment)
            try await appliance.exclusively { _ in
                let error = await #expect(throws: Failure.self) { try await appliance.exclusively { _ in Issue.record("two at once") } }
                #expect(error?.code == .applianceBusy)
                #expect(error?.remedy?.contains("pgkvm status db") == true)
                let refused = await #expect(throws: Failure.self) { _ = try await scratch.deploy(scratch.spec()) }
                #expect(refused?.code == .applianceBusy)
                let seen = try Appliance.open("db", in: scratch.environment)
                #expect(seen.name == appliance.name)
            }
            await #expect(throws: CancellationError.self) { try await appliance.exclusively { _ in throw CancellationError() } }
            #expect(try await appliance.exclusively { _ in 7 } == 7)
        }
    }
}

@Suite("Listing appliances")
struct ApplianceListingTests {
    @Test("An empty or missing state directory lists none; directories that are no appliances are left out")
    func none() async throws {
        try await Scratch.with { scratch in
            #expect(try await ApplianceListing.all(in: scratch.environment).isEmpty)
            try Files.createDirectory(scratch.state.path.appending(".kept"))
            try Files.createDirectory(scratch.state.path.appending("empty"))
            #expect(try await ApplianceListing.all(in: scratch.environment).isEmpty)
        }
    }

    @Test("Each appliance is listed with what its card and the platform say")
    func all() async throws {
        try await Scratch.with { scratch in
            let made = try await scratch.withMachine("made")
            try await scratch.half("half")
            try await made.exclusively { try await $0.context.journal.record(PackagesFact(version: 17)) }
            try await ApplianceCard.update(Appliance.open("made", in: scratch.environment).context)
            scratch.backend.set(.paused(reason: "disk full", remedy: "free space"), of: "made")

            let listed = try await ApplianceListing.all(in: scratch.environment)
            #expect(listed.map(\.name) == ["half", "made"])
            #expect(listed.map(\.state) == ["absent", "paused"])
            #expect(listed.map(\.deployment) == ["incomplete", "incomplete"])
            #expect(listed.map(\.postgresqlVersion) == [nil, 17])
            #expect(listed.map(\.postgresql) == [nil, Endpoint(host: "127.0.0.1", port: 5433)])

            try await made.exclusively { try await $0.context.journal.record(VerifiedFact(time: "2026-01-01T00:00:00Z", checks: 1)) }
            try await ApplianceCard.update(Appliance.open("made", in: scratch.environment).context)
            #expect(try await ApplianceListing.all(in: scratch.environment).last?.deployment == "deployed")
        }
    }

    @Test("Without a card, as after a kill, and with a damaged one the journal is asked", arguments: [nil, "", "{", #"{"formatVersion":1}"#])
    func damagedCard(text: String?) async throws {
        try await Scratch.with { scratch in
            _ = try await scratch.withMachine()
            let card = try scratch.directory().card
            try Files.remove(card)
            if let text { try Files.write(text, to: card) }
            let listed = try await ApplianceListing.all(in: scratch.environment)
            #expect(listed.map(\.state) == ["off"])
            #expect(listed.map(\.postgresql) == [Endpoint(host: "127.0.0.1", port: 5433)])
        }
    }

    @Test("One whose journal cannot be read either does not hide the others")
    func damagedJournal() async throws {
        try await Scratch.with { scratch in
            try await scratch.half("bad")
            try await scratch.half("good")
            try Files.remove(scratch.directory("bad").card)
            try Files.write("nonsense\nnonsense\n", to: scratch.directory("bad").journal)
            #expect(try await ApplianceListing.all(in: scratch.environment).map(\.name) == ["bad", "good"])
        }
    }

    @Test("A card of a newer program is refused as such")
    func newerCard() async throws {
        try await Scratch.with { scratch in
            try await scratch.half()
            let card = try scratch.directory().card
            try Files.write(#"{"formatVersion":2}"#, to: card)
            let error = await #expect(throws: Failure.self) { try await ApplianceListing.all(in: scratch.environment) }
            #expect(error?.code == .newerFormat)
            #expect(error?.message.contains("'\(card)'") == true)
        }
    }
}
