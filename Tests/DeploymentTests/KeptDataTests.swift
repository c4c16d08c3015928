import ApplianceModel
import Basics
import HostSystem
import SystemPackage
import Testing

@testable import Deployment

@Suite("Kept data")
struct KeptDataTests {
    private let sample = KeptData(appliance: "db", postgresqlVersion: 17, fileSystemUUID: "0a1b", size: .gibibytes(3))

    @Test("The note is read as it was written, from a file that only its owner reads")
    func roundTrip() async throws {
        try await Scratch.with { scratch in
            try sample.save(to: scratch.path)
            #expect(try KeptData.load(scratch.path.string) == sample)
            #expect(Files.status(scratch.path.appending("kept.json"))?.permissions == 0o600)
        }
    }

    @Test("A newer note is refused as such, also when nothing else of it is known")
    func newer() async throws {
        try await Scratch.with { scratch in
            for text in [#"{"formatVersion":2}"#, #"{"formatVersion":99,"size":{"bytes":1}}"#] {
                try Files.write(text, to: scratch.path.appending("kept.json"))
                let error = #expect(throws: Failure.self) { try KeptData.load(scratch.path.string) }
                #expect(error?.code == .newerFormat)
                #expect(error?.message.contains(scratch.path.string) == true)
            }
        }
    }

    @Test("A damaged note is named", arguments: ["", "{", "[]", #"{"formatVersion":1}"#, #"{"formatVersion":"1"}"#])
    func damaged(text: String) async throws {
        try await Scratch.with { scratch in
            try Files.write(text, to: scratch.path.appending("kept.json"))
            let error = #expect(throws: Failure.self) { try KeptData.load(scratch.path.string) }
            #expect(error?.code == .dataNotKept)
            #expect(error?.message == "'\(scratch.path)/kept.json' is damaged")
            #expect(error?.cause != nil)
        }
    }

    @Test("A directory without a note is not what a delete left; neither is one that is not there")
    func missing() async throws {
        try await Scratch.with { scratch in
            for path in [scratch.path, scratch.path.appending("nowhere")] {
                let error = #expect(throws: Failure.self) { try KeptData.load(path.string) }
                #expect(error?.code == .dataNotKept)
                #expect(error?.message.contains("'\(path)'") == true)
                #expect(error?.remedy != nil)
            }
        }
    }

    @Test("What a killed delete left half written goes with the remains, and at the next deployment")
    func halfWritten() async throws {
        try await Scratch.with { scratch in
            let dead = Int32.max
            let left = ".kept.json.\(dead).4711.tmp"
            let directory = try fill(scratch, ["kept.json", "ca.crt", left])
            try KeptData.removeRemains(directory.string)
            #expect(!Files.exists(directory))

            let kept = KeptData.parent(in: scratch.state).appending("db-2026")
            try Files.createDirectory(kept)
            for name in [left, "pgpass", ".mine"] { try Files.write("", to: kept.appending(name)) }
            let outside = scratch.path.appending("outside")
            try Files.createDirectory(outside)
            try Files.write("", to: outside.appending(left))
            _ = try await ProgramRunner.check("ln", ["-s", outside.string, KeptData.parent(in: scratch.state).appending("link").string])
            for name in [".o-direct.4711", ".o-direct.\(dead).4711"] { try Files.write("", to: scratch.state.path.appending(name)) }
            try await scratch.half()
            #expect(try Files.list(kept) == [".mine", "pgpass"])
            #expect(try Files.list(outside) == [left])
            #expect(try Files.list(scratch.state.path) == [".kept", "db"])
        }
    }

    @Test("The remains of an adopted disk go, and with them the directory")
    func remains() async throws {
        try await Scratch.with { scratch in
            let directory = try fill(scratch, ["kept.json", "ca.crt", "ca.key", "pgpass", "spec.yaml"])
            try KeptData.removeRemains(directory.string)
            #expect(!Files.exists(directory))
            try KeptData.removeRemains(directory.string)
        }
    }

    @Test("Other people's files stay, and so does everything beside a disk that is still there")
    func stays() async throws {
        try await Scratch.with { scratch in
            let foreign = try fill(scratch, ["kept.json", "pgpass", "dump.sql"])
            try KeptData.removeRemains(foreign.string)
            #expect(try Files.list(foreign) == ["dump.sql"])
            try Files.remove(foreign)

            let names = ["ca.crt", "ca.key", "data.raw", "kept.json", "pgpass", "spec.yaml"]
            let full = try fill(scratch, names)
            try KeptData.removeRemains(full.string)
            #expect(try Files.list(full) == names)
        }
    }

    private func fill(_ scratch: Scratch, _ names: [String]) throws -> FilePath {
        let directory = scratch.path.appending("kept")
        try Files.createDirectory(directory)
        for name in names { try Files.write(name, to: directory.appending(name)) }
        return directory
    }
}
