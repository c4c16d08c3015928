import ApplianceModel
import Basics
import Glibc
import HostSystem
import SystemPackage
import TestSupport
import Testing

/// What others do in a directory while it is removed.
@Suite("Removing a directory that somebody else writes", .timeLimit(.minutes(40)))
struct TreeRemovalTests {
    @Test(
        "A directory that another user exchanges for a link, ten thousand times, costs nobody a file",
        .enabled("another user is needed, which takes root") { HostEnvironment.isRoot })
    func exchanged() async throws {
        try await withTemporaryDirectory { directory in
            try #require(chmod(directory.string, 0o711) == 0)
            let victim = directory.appending("victim")
            let place = directory.appending("place")
            for path in [victim, place] { try Files.createDirectory(path) }
            let names = (0..<12).map { "v\($0)" }
            // Root's own, under the names of the files that are removed on the other side.
            for name in names { try Files.write("kept", to: victim.appending(name)) }
            try #require(chown(place.string, 65_534, 65_534) == 0)
            let other = try Drivers.start("exchange.py", ["directory", place.string, victim.string, "10000", "500"], as: 65_534, in: directory)
            defer { other.send(SIGKILL) }
            while other.isRunning {
                // What is filled faster than it can be emptied is given up: that is no harm.
                do { try Files.remove(place.appending("box")) } catch is Failure {}
            }
            #expect(try await other.end() == 0, "\(other.output)")
            #expect(try Files.list(victim) == names.sorted())
            try Files.remove(place)
            #expect(!Files.exists(place))
        }
    }

    @Test("A directory with more levels than descriptors, more names than are read at once, and names that are not text is removed")
    func large() async throws {
        try await withTemporaryDirectory { directory in
            let script = """
                import os, sys
                os.chdir(sys.argv[1])
                os.mkdir("tree")
                os.chdir("tree")
                for number in range(10000):
                    os.close(os.open(f"file-{number}", os.O_CREAT | os.O_WRONLY))
                os.mkdir(b"not \\xff text")
                os.close(os.open(b"not \\xff text/\\xfe", os.O_CREAT | os.O_WRONLY))
                os.symlink("/nowhere", b"\\xc3")
                os.mkfifo("pipe")
                for level in range(5000):
                    os.mkdir("d")
                    os.chdir("d")
                    os.close(os.open("file", os.O_CREAT | os.O_WRONLY))
                """
            _ = try await ProgramRunner.check("python3", ["-c", script, directory.string])
            try Files.remove(directory.appending("tree"))
            #expect(try Files.list(directory).isEmpty)
        }
    }

    @Test("A name that leads elsewhere is not removed", arguments: [".", "..", "inner/.."])
    func noName(name: String) async throws {
        try await withTemporaryDirectory { directory in
            try Files.createDirectory(directory.appending("inner"))
            let failure = try #require(throws: Failure.self) { try Files.remove(FilePath("\(directory)/\(name)")) }
            #expect(failure.code == .fileUnwritable)
            #expect(try Files.list(directory) == ["inner"])
        }
    }
}
