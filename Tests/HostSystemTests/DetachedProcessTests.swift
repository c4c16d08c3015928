import ApplianceModel
import Basics
import Foundation
import Glibc
import HostSystem
import SystemPackage
import Testing

@Suite("A process of its own session")
struct DetachedProcessTests {
    @Test("It runs inside the directory, leads a session, reads nothing and writes to the output")
    func surroundings() async throws {
        let result = try await run("pwd; ps -o sid= -p $$; echo $$; cat; echo to-error >&2")
        let lines = result.text.split(separator: "\n").map { $0.trimmingCharacters(in: .whitespaces) }
        #expect(lines.count == 4)
        #expect(lines.first == result.directory.string)
        #expect(lines[1] == lines[2])
        #expect(lines.last == "to-error")
        #expect(result.status == 0)
    }

    @Test("A variable that is to be hidden does not reach it")
    func hidden() async throws {
        try await withDirectory { directory in
            let file = directory.appending("output")
            let output = try FileDescriptor.open(file, .writeOnly, options: [.create], permissions: .ownerReadWrite)
            defer { try? output.close() }
            let process = try DetachedProcess.spawn(["env"], in: directory, output: output, hiding: ["PATH"])
            #expect(try await end(of: process) == 0)
            #expect(try !Files.readText(file).split(separator: "\n").contains { $0.hasPrefix("PATH=") })
        }
    }

    @Test("Descriptors arrive as 3, 4, … in order, whatever their numbers here, and everything else is closed")
    func descriptors() async throws {
        try await withDirectory { directory in
            var files: [FileDescriptor] = []
            defer { for file in files { try? file.close() } }
            for index in 0..<4 {
                let path = directory.appending("file\(index)")
                try Files.write("\(index)", to: path)
                files.append(try FileDescriptor.open(path, .readOnly))
            }
            // Lowest last, so that a naive dup2 in order overwrites one that is still to come.
            let handed = Array(files.sorted { $0.rawValue > $1.rawValue })
            let result = try await run("for fd in 3 4 5 6; do eval \"cat <&$fd\"; done; echo; ls /proc/self/fd | tr '\\n' ' '", handed)
            let names = try handed.map { try Files.linkTarget(FilePath("/proc/self/fd/\($0.rawValue)")).lastComponent?.string.last.map(String.init) ?? "" }
            let lines = result.text.split(separator: "\n")
            #expect(lines.first.map(String.init) == names.joined())
            // 7 is the directory that ls reads.
            #expect(lines.last?.split(separator: " ").map(String.init) == ["0", "1", "2", "3", "4", "5", "6", "7"])
        }
    }

    @Test("No signal is blocked or ignored, although this process ignores some")
    func signals() async throws {
        let former = signal(SIGPIPE, SIG_IGN)
        defer { signal(SIGPIPE, former) }
        let result = try await run("grep -E '^Sig(Blk|Ign)' /proc/self/status")
        // Above 31 are the C library's own.
        let masks = result.text.split(separator: "\n").compactMap { UInt64($0.suffix(16), radix: 16) }.map { $0 & 0x7fff_ffff }
        #expect(masks == [0, 0])
    }

    @Test("The exit status is the program's, or 128 and the signal", arguments: [("exit 7", 7), ("kill -9 $$", 137), ("true", 0)] as [(String, Int32)])
    func status(script: String, expected: Int32) async throws {
        #expect(try await run(script).status == expected)
    }

    @Test("A program that is not there, an empty command and a directory that is not there are refused")
    func refused() throws {
        let null = try FileDescriptor.open("/dev/null", .writeOnly)
        defer { try? null.close() }
        #expect(throws: Failure.self) { try DetachedProcess.spawn([], in: "/", output: null) }
        let missing = #expect(throws: Failure.self) { try DetachedProcess.spawn(["no-such-program-here"], in: "/", output: null) }
        #expect(missing?.code == .programMissing)
        let nowhere = #expect(throws: Failure.self) { try DetachedProcess.spawn(["true"], in: "/no/such/directory", output: null) }
        #expect(nowhere?.code == .programFailed)
        #expect(nowhere?.cause as? Errno == .noSuchFileOrDirectory)
    }

    @Test("Killing a process that has gone is no error")
    func kill() async throws {
        let null = try FileDescriptor.open("/dev/null", .writeOnly)
        defer { try? null.close() }
        let process = try DetachedProcess.spawn(["sleep", "100"], in: "/", output: null)
        #expect(ProcessTable.exists(process.processID))
        #expect(process.exitStatus() == nil)
        try ProcessTable.kill(process.processID)
        #expect(try await end(of: process) == 137)
        #expect(!ProcessTable.exists(process.processID))
        try ProcessTable.kill(process.processID)
    }

    @Test("A process that nobody asks for is not left among the dead")
    func reaped() async throws {
        let null = try FileDescriptor.open("/dev/null", .writeOnly)
        defer { try? null.close() }
        let process = try DetachedProcess.spawn(["true"], in: "/", output: null)
        let clock = ContinuousClock()
        let isGone = try await poll(every: .milliseconds(600), until: clock.now + .seconds(60), on: clock) {
            ProcessTable.exists(process.processID) ? nil : true
        }
        #expect(isGone == true)
        #expect(process.exitStatus() == 0)
    }

    private struct Outcome {
        let status: Int32
        let text: String
        let directory: FilePath
    }

    private func run(_ script: String, _ descriptors: [FileDescriptor] = []) async throws -> Outcome {
        try await withDirectory { directory in
            let path = directory.appending("output")
            let output = try FileDescriptor.open(path, .writeOnly, options: [.create, .append], permissions: .ownerReadWrite)
            defer { try? output.close() }
            let process = try DetachedProcess.spawn(["sh", "-c", script], in: directory, output: output, descriptors: descriptors)
            let status = try await end(of: process)
            return Outcome(status: status, text: try Files.readText(path), directory: directory)
        }
    }

    private func end(of process: DetachedProcess) async throws -> Int32 {
        while true {
            if let status = process.exitStatus() { return status }
            try await Task.sleep(for: .milliseconds(10))
        }
    }

    private func withDirectory<Value>(_ body: (FilePath) async throws -> Value) async throws -> Value {
        let directory = try Files.createTemporaryDirectory(in: "/tmp", prefix: "pgkvm-process")
        defer { try? Files.remove(directory) }
        return try await body(directory)
    }
}
