import ApplianceModel
import HostSystem
import SystemPackage
import Testing

@testable import Deployment

@Suite("Guest files", .enabled("files get an owner, which needs root") { await isRoot() })
struct GuestFilesTests {
    @Test("Puts the files there with owner and mode, and says which changed: all at first, none the second time, one later")
    func changes() async throws {
        try await Scratch.with { scratch in
            var files = [file(scratch, "one", "1\n"), file(scratch, "two", "2\n", mode: "0600")]
            let first = try await put(files)
            #expect(first == "changed \(files[0].path)\nchanged \(files[1].path)\n")
            #expect(try Files.readText(FilePath(files[0].path)) == "1\n")
            #expect(Files.status(FilePath(files[0].path))?.permissions == 0o640)
            #expect(Files.status(FilePath(files[1].path))?.permissions == 0o600)
            #expect(Files.status(FilePath(files[1].path))?.owner == 0)
            #expect(try await put(files) == "")
            files[1] = file(scratch, "two", "two\n", mode: "0600")
            #expect(try await put(files) == "changed \(files[1].path)\n")
            #expect(try Files.list(scratch.path) == ["one", "two"])
        }
    }

    @Test(
        "Contents arrive as they are, whatever they are",
        arguments: [
            [], [0], Array("EOF\n".utf8), Array("EOF\nput /etc/shadow\n".utf8), Array("no newline".utf8), Array("$(touch x) `y` 'z' \\\"\n".utf8),
            Array(0...255), [UInt8](repeating: 0x27, count: 200_000),
        ] as [[UInt8]])
    func hostile(content: [UInt8]) async throws {
        try await Scratch.with { scratch in
            let path = scratch.path.appending("file").string
            let files = [GuestFile(path: path, content: content, owner: "root:root", mode: "0644"), file(scratch, "next", "next\n")]
            let said = try await put(files)
            #expect(said == files.map { "changed \($0.path)\n" }.joined())
            #expect(try Files.read(FilePath(path)) == content)
            #expect(try Files.list(scratch.path) == ["file", "next"])
        }
    }

    @Test("Owner and mode are set right also where the content is as it should be")
    func drift() async throws {
        try await Scratch.with { scratch in
            let key = file(scratch, "key", "k\n", mode: "0600")
            _ = try await put([key])
            _ = try await ProgramRunner.check("sh", ["-c", #"chmod 0666 "$0" && chown 1:1 "$0""#, key.path])
            #expect(try await put([key]) == "")
            #expect(Files.status(FilePath(key.path))?.permissions == 0o600)
            #expect(Files.status(FilePath(key.path))?.owner == 0)
            #expect(Files.status(FilePath(key.path))?.group == 0)
        }
    }

    @Test("A link that lies where the new file is made, and the remains of a killed run, are replaced and not followed")
    func link() async throws {
        try await Scratch.with { scratch in
            let target = scratch.path.appending("precious")
            try Files.write("precious", to: target)
            let (linked, left) = (file(scratch, "linked", "new\n"), file(scratch, "left", "new\n"))
            _ = try await ProgramRunner.check("ln", ["-s", target.string, linked.path + ".pgkvm-new"])
            try Files.write("half", to: FilePath(left.path + ".pgkvm-new"))
            _ = try await put([linked, left])
            #expect(try Files.readText(target) == "precious")
            #expect(try Files.readText(FilePath(linked.path)) == "new\n")
            #expect(try Files.readText(FilePath(left.path)) == "new\n")
            #expect(try Files.list(scratch.path) == ["left", "linked", "precious"])
        }
    }

    @Test("A file that cannot be put ends the script, and the one after it is not touched")
    func failure() async throws {
        try await Scratch.with { scratch in
            let script = GuestFiles.script([file(scratch, "missing/file", "x"), file(scratch, "next", "x")])
            let result = try await ProgramRunner.run("sh", ["-eu"], input: Array(script.utf8))
            #expect(result.status != 0)
            #expect(try Files.list(scratch.path) == [])
        }
    }

    private func file(_ scratch: Scratch, _ name: String, _ text: String, mode: String = "0640") -> GuestFile {
        GuestFile(path: scratch.path.string + "/" + name, content: Array(text.utf8), owner: "root:root", mode: mode)
    }

    /// As `runAsRoot` does it.
    private func put(_ files: [GuestFile]) async throws -> String {
        try await ProgramRunner.check("sh", ["-eu"], input: Array(GuestFiles.script(files).utf8)).outputText
    }
}

private func isRoot() async -> Bool { (try? await ProgramRunner.run("id", ["-u"]))?.outputText == "0\n" }
