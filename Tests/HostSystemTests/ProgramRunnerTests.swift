import ApplianceModel
import Basics
import Glibc
import HostSystem
import Synchronization
import SystemPackage
import TestSupport
import Testing

@Suite("Programs of the host")
struct ProgramRunnerTests {
    @Test("Both outputs and the status come back apart")
    func outputs() async throws {
        let result = try await ProgramRunner.run("sh", ["-c", "echo out; echo err >&2; exit 7"])
        #expect(result.status == 7)
        #expect(result.outputText == "out\n")
        #expect(result.errorText == "err\n")
    }

    @Test("A signal is a status of 128 and more, as in a shell")
    func signal() async throws {
        #expect(try await ProgramRunner.run("sh", ["-c", "kill -KILL $$"]).status == 137)
    }

    @Test("Arguments reach the program as they are")
    func arguments() async throws {
        let arguments = ["a b", "$HOME", "'quoted'", "\"double\"", "line\nbreak", "", "🐘"]
        let result = try await ProgramRunner.run("printf", ["%s|"] + arguments)
        #expect(result.outputText == arguments.map { $0 + "|" }.joined())
    }

    @Test("Standard input is written whole, more than a pipe holds too", arguments: [0, 5, 1_000_000])
    func input(size: Int) async throws {
        let bytes = (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 7) }
        let result = try await ProgramRunner.run("cat", [], input: bytes)
        #expect(result.status == 0)
        #expect(result.standardOutput == bytes)
    }

    @Test("A program that does not read its input is no failure")
    func unreadInput() async throws {
        #expect(try await ProgramRunner.run("true", [], input: [UInt8](repeating: 0, count: 1_000_000)).status == 0)
    }

    @Test("The environment is the own one with the changes asked for")
    func environment() async throws {
        let result = try await ProgramRunner.run("sh", ["-c", "echo \"$PGKVM_TEST\"; test -n \"$PATH\""], environment: ["PGKVM_TEST": "a $b"])
        #expect(result.status == 0)
        #expect(result.outputText == "a $b\n")
    }

    @Test("A variable that hands over a secret does not reach a program")
    func secrets() async throws {
        let result = try await ProgramRunner.run("env", [], environment: ["PGKVM_PROXMOX_TOKEN": "deploy@pve!ci=secret", "PGKVM_TEST": "seen"])
        #expect(result.outputText.contains("PGKVM_TEST=seen") && !result.outputText.contains("TOKEN"))
    }

    @Test("The working directory is the one asked for")
    func workingDirectory() async throws {
        try await withTemporaryDirectory { directory in
            let result = try await ProgramRunner.run("pwd", ["-P"], workingDirectory: directory)
            #expect(result.outputText == directory.string + "\n")
        }
    }

    @Test("Lines of standard error are told as they come, and standard output stays apart")
    func lines() async throws {
        let seen = Mutex<[String]>([])
        let result = try await ProgramRunner.run("sh", ["-c", "echo one >&2; echo out; printf 'two\\n\\nlast' >&2; exit 3"]) { line in
            seen.withLock { $0.append(line) }
        }
        #expect(seen.withLock { $0 } == ["one", "two", "", "last"])
        #expect(result.status == 3)
        #expect(result.outputText == "out\n")
        #expect(result.errorText == "one\ntwo\n\nlast")
    }

    @Test("A line is told while the program still runs")
    func liveLines() async throws {
        try await withTemporaryDirectory { directory in
            let go = directory.appending("go")
            // The program ends only after its line was told.
            let result = try await ProgramRunner.run(
                "sh", ["-c", "echo ready >&2; while ! test -e \"$1\"; do sleep 0.05; done", "sh", go.string]
            ) { _ in try? Files.write("", to: go) }
            #expect(result.status == 0)
        }
    }

    @Test("More output than its limit is an error")
    func outputLimit() async throws {
        let failure = await #expect(throws: Failure.self) {
            try await ProgramRunner.run("head", ["-c", "100000", "/dev/zero"], outputLimit: 1000)
        }
        #expect(failure?.code == .programFailed)
    }

    @Test("A check passes a status of 0 and fails on any other with the end of what was said")
    func check() async throws {
        #expect(try await ProgramRunner.check("echo", ["x"]).outputText == "x\n")
        let failure = try #require(
            await #expect(throws: Failure.self) {
                try await ProgramRunner.check("sh", ["-c", "for i in $(seq 20); do echo line $i >&2; done; exit 4"])
            })
        #expect(failure.code == .programFailed)
        #expect(failure.message.hasPrefix("'sh' ended with status 4:"))
        #expect(failure.message.hasSuffix("line 20"))
        #expect(!failure.message.contains("line 12\n"))
        let quiet = await #expect(throws: Failure.self) { try await ProgramRunner.check("sh", ["-c", "echo only out; exit 1"]) }
        #expect(quiet?.message.hasSuffix("only out") == true)
    }

    @Test("A missing program is an error that names it and what to do")
    func missing() async throws {
        let failure = try #require(await #expect(throws: Failure.self) { try await ProgramRunner.run("pgkvm-no-such-program", []) })
        #expect(failure.code == .programMissing)
        #expect(failure.message == "program 'pgkvm-no-such-program' is not installed")
        #expect(failure.remedy == "install 'pgkvm-no-such-program' or add its directory to PATH")
    }

    @Test("A program that is given by its path is run by it, whichever way it is run, and never searched for on the PATH")
    func paths() async throws {
        try await withTemporaryDirectory { directory in
            let place = directory.appending("a b")
            try Files.createDirectory(place)
            let program = place.appending("own")
            try await Files.writeProgram("#!/bin/sh\necho own \"$1\"\n".utf8, to: program)
            #expect(ProgramRunner.lookUp(program.string) == program)
            #expect(try await ProgramRunner.check(program.string, ["x"]).outputText == "own x\n")
            let log = directory.appending("log")
            let output = try FileDescriptor.open(log, .writeOnly, options: [.create, .append], permissions: .ownerReadWrite)
            defer { try? output.close() }
            let process = try DetachedProcess.spawn([program.string, "y"], in: "/", output: output)
            let clock = ContinuousClock()
            let status = try await poll(every: .milliseconds(5), until: clock.now + .seconds(600), on: clock) { process.exitStatus() }
            #expect(status == 0)
            #expect(try Files.readText(log) == "own y\n")
        }
    }

    @Test("A path is relative to this directory, and a directory of the PATH too, whatever directory the program is run in")
    func relativePaths() async {
        await #expect(processExitsWith: .success) {
            try await withTemporaryDirectory { directory in
                try Files.createDirectory(directory.appending("bin"))
                try await Files.writeProgram("#!/bin/sh\n".utf8, to: directory.appending("bin/own"))
                #expect(chdir(directory.string) == 0)
                let place = try Files.currentDirectory()
                for name in ["bin/own", "./bin/own"] { #expect(ProgramRunner.lookUp(name) == place.appending("bin/own")) }
                #expect(ProgramRunner.lookUp("/bin/own") == nil)
                #expect(ProgramRunner.lookUp("own") == nil)
                setenv("PATH", "bin", 1)
                #expect(ProgramRunner.lookUp("own") == place.appending("bin/own"))
                // As the shell has it: a path is not completed by the PATH.
                setenv("PATH", directory.string, 1)
                #expect(chdir("/") == 0)
                #expect(ProgramRunner.lookUp("bin/own") == nil)
            }
        }
    }

    @Test("A missing program that was given by its path has no package that would help")
    func missingPath() throws {
        for path in ["/nowhere/qemu-img", "nowhere/qemu-img", "/etc/passwd"] {
            let failure = try #require(throws: Failure.self) { try ProgramRunner.find(path) }
            #expect(failure.code == .programMissing)
            #expect(failure.message == "there is no program '\(path)' that this user may run")
            #expect(failure.remedy == "look at it: ls -l \(path)")
        }
    }

    @Test("A missing program of a known Debian package has the package as its remedy")
    func missingPackage() async {
        // In a process of its own, because PATH belongs to the process.
        await #expect(processExitsWith: .success) {
            setenv("PATH", "/nowhere", 1)
            let failure = try #require(throws: Failure.self) { try ProgramRunner.find("qemu-img") }
            #expect(failure.remedy == "install the package 'qemu-utils', as root: apt-get install qemu-utils")
        }
    }

    @Test("The sbin directories are searched although PATH leaves them out")
    func sbin() async {
        await #expect(processExitsWith: .success) {
            setenv("PATH", "/nowhere", 1)
            #expect(ProgramRunner.lookUp("ldconfig") != nil)
            #expect(ProgramRunner.lookUp("sh") == nil)
        }
    }

    @Test("Cancelling the task ends the program", arguments: [true, false])
    func cancellation(withLines: Bool) async throws {
        try await withTemporaryDirectory { directory in
            let started = directory.appending("pid")
            let script = "echo $$ > \"$1.new\"; mv \"$1.new\" \"$1\"; exec sleep 600"
            let ignore: @Sendable (String) -> Void = { _ in }
            let task = Task {
                try await ProgramRunner.run("sh", ["-c", script, "sh", started.string], onLine: withLines ? ignore : nil)
            }
            let process = try await pid(in: started)
            task.cancel()
            // The program was ended by SIGTERM, or the cancellation is thrown: either way it is gone when the call returns.
            if let result = try? await task.value { #expect(result.status == 128 + SIGTERM) }
            #expect(isGone(process))
        }
    }

    @Test("A program that ignores SIGTERM is killed all the same")
    func stubborn() async throws {
        try await withTemporaryDirectory { directory in
            let started = directory.appending("pid")
            let script = "trap '' TERM; echo $$ > \"$1.new\"; mv \"$1.new\" \"$1\"; exec sleep 600"
            let task = Task { try await ProgramRunner.run("sh", ["-c", script, "sh", started.string]) }
            let process = try await pid(in: started)
            task.cancel()
            _ = try? await task.value
            #expect(isGone(process))
        }
    }

    @Test("What a program has started is killed with it")
    func descendants() async throws {
        try await withTemporaryDirectory { directory in
            let started = directory.appending("pid")
            // `timeout` passes SIGTERM on and waits; a SIGKILL it cannot pass on.
            let script = "trap '' TERM; echo $$ > \"$1.new\"; mv \"$1.new\" \"$1\"; exec sleep 600"
            let task = Task { try await ProgramRunner.run("timeout", ["600", "sh", "-c", script, "sh", started.string]) }
            let process = try await pid(in: started)
            task.cancel()
            _ = try? await task.value
            let clock = ContinuousClock()
            let gone = try await poll(every: .milliseconds(600), until: clock.now + .seconds(60), on: clock) { isGone(process) ? true : nil }
            #expect(gone == true)
        }
    }

    /// Waits for a program to write its process id into `file`.
    private func pid(in file: FilePath) async throws -> pid_t {
        let clock = ContinuousClock()
        let text = try await poll(every: .milliseconds(600), until: clock.now + .seconds(60), on: clock) {
            Files.exists(file) ? try Files.readText(file) : nil
        }
        return try #require(text.flatMap { pid_t($0.filter(\.isNumber)) })
    }

    private func isGone(_ process: pid_t) -> Bool { kill(process, 0) != 0 && errno == ESRCH }
}
