import ApplianceModel
import Basics
import FoundationEssentials
import HostSystem
import SecureShell
import SystemPackage
import TestSupport
import Testing
import Workflow

@testable import Deployment

@Suite("Preparing the data disk")
struct PrepareDataDiskStepTests {
    private let step = PrepareDataDiskStep()

    @Test("The identity of the file system is on record before it is made, and stays")
    func identity() async throws {
        try await Scratch.with { scratch in
            let context = try await scratch.contextWithMachine()
            scratch.guest.unit("data-disk", .fails(log: "mkfs.ext4: No space left on device"))
            await #expect(throws: Failure.self) { try await step.perform(context) }
            let disk = try #require(try await context.journal.fact(DataDiskFact.self))
            #expect(!disk.isAdopted)
            let first = try #require(scratch.guest.script(of: "data-disk"))
            #expect(first.contains(disk.uuid))
            scratch.guest.unit("data-disk", .succeeds)
            try await step.perform(context)
            #expect(scratch.guest.script(of: "data-disk") == first)
            #expect(try await context.journal.fact(DataDiskFact.self)?.uuid == disk.uuid)
        }
    }

    @Test("A disk that was taken over keeps its file system")
    func adopted() async throws {
        try await Scratch.with { scratch in
            let kept = scratch.path.appending("kept")
            let uuid = "7f3a1c52-0b7e-4f2d-9d57-1f0e2a3b4c5d"
            try Files.createDirectory(kept)
            let note = KeptData(appliance: "db", postgresqlVersion: 17, fileSystemUUID: uuid, size: .gibibytes(1))
            try Files.write(Array(JSONEncoder().encode(note)), to: kept.appending(KeptData.Name.note))
            for name in [KeptData.Name.caCertificate, KeptData.Name.caKey, KeptData.Name.passwords] { try Files.write("kept", to: kept.appending(name)) }
            var spec = try scratch.spec()
            spec.dataDisk.adopt = kept.string
            let context = try await scratch.contextWithMachine(spec)
            try await step.perform(context)
            #expect(try await context.journal.fact(DataDiskFact.self)?.uuid == uuid)
            #expect(scratch.guest.script(of: "data-disk")?.contains("adopted") == true)
        }
    }

    @Test("It is done where that file system is mounted", arguments: [(0, true), (1, false), (127, false)] as [(Int32, Bool)])
    func inspection(status: Int32, isSatisfied: Bool) async throws {
        try await Scratch.with { scratch in
            let context = try await scratch.contextWithMachine()
            #expect(try await !step.inspect(context).isSatisfied)
            try await context.journal.record(DataDiskFact(uuid: "7f3a1c52-0b7e-4f2d-9d57-1f0e2a3b4c5d", isAdopted: false))
            scratch.guest.answer("findmnt", status: status)
            #expect(try await step.inspect(context).isSatisfied == isSatisfied)
        }
    }
}
