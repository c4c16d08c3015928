import ApplianceModel
import Basics
import HostSystem
import Synchronization
import SystemPackage
import TestSupport
import Testing

@testable import SecureShell

@Suite("Remote units")
struct RemoteUnitTests {
    private let unit = RemoteUnit(purpose: "install", script: "true\n")

    private func view(_ active: String, _ sub: String, load: String = "loaded", result: String = "success", status: Int = 0, log: String = "") -> String {
        "LoadState=\(load)\nActiveState=\(active)\nSubState=\(sub)\nResult=\(result)\nExecMainStatus=\(status)\n\n\(log)"
    }

    private func answer(_ text: String) -> Result<ShellResult, any Error> { .success(ShellResult(status: 0, standardOutput: Array(text.utf8))) }

    @Test("The name follows from the purpose and the content")
    func name() {
        #expect(unit.name == "pgkvm-install-a17fcf0a2f50")
        #expect(RemoteUnit(purpose: "install", script: "true\n").name == unit.name)
        #expect(RemoteUnit(purpose: "install", script: "false\n").name != unit.name)
        #expect(RemoteUnit(purpose: "Ínstall it;", script: "true\n").name == "pgkvm--nstall-it--a17fcf0a2f50")
    }

    @Test("systemd's words are read as one of four states")
    func states() throws {
        #expect(try RemoteUnit.parse(view("inactive", "dead", load: "not-found")).state == .notStarted)
        #expect(try RemoteUnit.parse(view("inactive", "dead")).state == .notStarted)
        #expect(try RemoteUnit.parse(view("activating", "start")).state == .running)
        #expect(try RemoteUnit.parse(view("active", "running", log: "one\ntwo\n")).state == .running)
        #expect(try RemoteUnit.parse(view("active", "running", log: "one\n\ntwo\n")).log == "one\n\ntwo\n")
        #expect(try RemoteUnit.parse(view("deactivating", "stop-sigterm")).state == .running)
        #expect(try RemoteUnit.parse(view("active", "exited")).state == .succeeded)
        let failed = try RemoteUnit.parse(view("failed", "failed", result: "exit-code", status: 100, log: "E: no space"))
        #expect(failed.state == .failed(log: "E: no space\n(result exit-code, status 100)"))
        let failure = #expect(throws: Failure.self) { _ = try RemoteUnit.parse("sudo: a password is required") }
        #expect(failure?.code == .sshProtocol)
    }

    @Test("A unit that succeeded is not started again")
    func succeededBefore() async throws {
        let shell = ScriptedShell([unit.stateCommand.text: [answer(view("active", "exited"))]])
        try await unit.runToEnd(timeout: .seconds(600), connect: { shell })
        #expect(shell.commands == [unit.stateCommand.text])
    }

    @Test("A unit that failed before is started again, with its script as input")
    func failedBefore() async throws {
        let shell = ScriptedShell([
            unit.stateCommand.text: [answer(view("failed", "failed")), answer(view("active", "running")), answer(view("active", "exited"))],
            unit.startCommand.text: [answer("")],
        ])
        try await unit.runToEnd(timeout: .seconds(600), connect: { shell })
        #expect(shell.commands == [unit.stateCommand, unit.startCommand, unit.stateCommand, unit.stateCommand].map(\.text))
        #expect(shell.inputs[1] == Array("true\n".utf8))
    }

    @Test("A connection that is lost at any point repeats nothing")
    func lostConnections() async throws {
        let lost = Result<ShellResult, any Error>.failure(Failure(.sshConnectionLost, "gone"))
        let shell = ScriptedShell([
            unit.stateCommand.text: [
                lost, answer(view("inactive", "dead", load: "not-found")), answer(view("active", "running", log: "unpacking\n")), lost,
                answer(view("active", "running", log: "setting up\n")), answer(view("active", "exited", log: "setting up\n")),
            ],
            // The start got through although its answer did not.
            unit.startCommand.text: [lost],
        ])
        let connections = Mutex(0)
        let lines = Mutex<[String]>([])
        try await unit.runToEnd(
            timeout: .seconds(600),
            connect: {
                connections.withLock { $0 += 1 }
                return shell
            }, progress: { line in lines.withLock { $0.append(line) } })
        #expect(shell.commands.count { $0 == unit.startCommand.text } == 1)
        #expect(connections.withLock { $0 } == 4)
        #expect(lines.withLock { $0 } == ["unpacking", "setting up"])
    }

    @Test("A failed unit is a failure with the end of its output; a vanished one says so; giving up is a time-out")
    func failures() async throws {
        let failing = ScriptedShell([
            unit.stateCommand.text: [answer(view("active", "running")), answer(view("failed", "failed", result: "exit-code", status: 1, log: "E: broken"))]
        ])
        let failed = await #expect(throws: Failure.self) { try await unit.runToEnd(timeout: .seconds(600), connect: { failing }) }
        #expect(failed?.code == .remoteUnitFailed)
        #expect(failed?.cause.map { "\($0)" }?.contains("E: broken") == true)
        let vanishing = ScriptedShell([
            unit.stateCommand.text: [answer(view("active", "running")), answer(view("inactive", "dead", load: "not-found"))]
        ])
        let vanished = await #expect(throws: Failure.self) { try await unit.runToEnd(timeout: .seconds(600), connect: { vanishing }) }
        #expect(vanished?.code == .remoteUnitFailed)
        let endless = ScriptedShell([unit.stateCommand.text: [answer(view("active", "running"))]])
        let late = await #expect(throws: Failure.self) { try await unit.runToEnd(timeout: .milliseconds(250), connect: { endless }) }
        #expect(late?.code == .timedOut)
        let refusing = ScriptedShell([String: [Result<ShellResult, any Error>]]())
        await #expect(throws: UnexpectedCommand.self) { try await unit.runToEnd(timeout: .seconds(600), connect: { refusing }) }
    }

    @Test("A start that another run was quicker with is no failure")
    func startedMeanwhile() async throws {
        let busy = Result<ShellResult, any Error>.success(ShellResult(status: 1, standardError: Array("already loaded".utf8)))
        let shell = ScriptedShell([unit.startCommand.text: [busy], unit.stateCommand.text: [answer(view("active", "running"))]])
        try await unit.start(on: shell)
        let absent = ScriptedShell([unit.startCommand.text: [busy], unit.stateCommand.text: [answer(view("inactive", "dead"))]])
        let failure = await #expect(throws: Failure.self) { try await unit.start(on: absent) }
        #expect(failure?.message.contains("already loaded") == true)
    }

    // MARK: The commands themselves

    @Test("The commands do their work in a real shell, with small stand-ins for systemd's", .enabled(if: SSHServer.isAvailable, "needs sshd"))
    func realShell() async throws {
        try await SSHServer.run { server in
            let connection = try await server.open()
            let guest = try await StubbedGuest(connection, in: server.scratch)
            let marker = server.scratch.appending("runs")
            let script = "echo 'it'\\''s \"begun\" $0'\necho run >> \(marker)\nsleep 0.4\necho done\n"
            let unit = RemoteUnit(purpose: "work", script: script, directory: server.scratch.appending("units").string)
            #expect(try await unit.state(on: guest) == .notStarted)
            try await unit.runToEnd(timeout: .seconds(600), connect: { guest })
            #expect(try await unit.state(on: guest) == .succeeded)
            #expect(try Files.readText(FilePath(unit.logPath)) == "it's \"begun\" $0\ndone\n")
            // Neither a second whole run nor a second start does the work again.
            try await unit.runToEnd(timeout: .seconds(600), connect: { guest })
            try await unit.start(on: guest)
            #expect(try Files.readText(marker) == "run\n")
            try await unit.forget(on: guest)
            #expect(try await unit.state(on: guest) == .notStarted)
            #expect(try Files.list(server.scratch.appending("units")) == [])
            try await unit.runToEnd(timeout: .seconds(600), connect: { guest })
            #expect(try Files.readText(marker) == "run\nrun\n")

            let (gate, gatedRuns) = (server.scratch.appending("gate"), server.scratch.appending("gated"))
            let gated = RemoteUnit(
                purpose: "gated", script: "echo run >> \(gatedRuns)\nwhile [ ! -e \(gate) ]; do sleep 0.05; done\n",
                directory: server.scratch.appending("units").string)
            for _ in 1...2 { try await gated.start(on: guest) }
            try Files.write("", to: gate)
            try await gated.runToEnd(timeout: .seconds(600), connect: { guest })
            #expect(try Files.readText(gatedRuns) == "run\n")

            let failing = RemoteUnit(purpose: "work", script: "echo first >&2\nfalse\necho never\n", directory: server.scratch.appending("units").string)
            let failure = await #expect(throws: Failure.self) { try await failing.runToEnd(timeout: .seconds(600), connect: { guest }) }
            #expect(failure?.cause.map { "\($0)" } == "first\n\n(result exit-code, status 1)")
            await connection.close()
        }
    }
}

/// A connection whose guest has stand-ins for `sudo`, `systemctl` and `systemd-run` that keep units in a directory.
private struct StubbedGuest: RemoteShell {
    private let connection: SSHConnection
    private let path: String

    init(_ connection: SSHConnection, in directory: FilePath) async throws {
        self.connection = connection
        let programs = directory.appending("programs")
        let units = directory.appending("state")
        try Files.createDirectory(programs)
        try Files.createDirectory(units)
        path = "\(programs):/usr/sbin:/usr/bin:/sbin:/bin"
        let texts = [
            "sudo": "shift; exec \"$@\"",
            "systemd-run": """
            while [ $# -gt 0 ]; do
                case $1 in
                --unit=*) unit=\(units)/${1#*=}.service ;;
                --property=StandardOutput=append:*) log=${1#*append:} ;;
                -*) ;;
                *) break ;;
                esac
                shift
            done
            [ ! -e "$unit.pid" ] || { echo "unit is there" >&2; exit 1; }
            : > "$unit.pid"
            (code=0; "$@" >> "$log" 2>&1 || code=$?; echo $code > "$unit.code") < /dev/null > /dev/null 2>&1 &
            echo $! > "$unit.pid"
            """,
            "systemctl": """
            for unit; do :; done
            unit=\(units)/$unit
            load=loaded active=active sub=running pid=0 code=0 result=success
            if [ ! -e "$unit.pid" ]; then load=not-found active=inactive sub=dead
            elif [ ! -e "$unit.code" ]; then pid=$(cat "$unit.pid")
            else
                code=$(cat "$unit.code") sub=exited
                [ "$code" = 0 ] || { active=failed; sub=failed; result=exit-code; }
            fi
            case "$*" in
            stop*) rm -f "$unit.pid" "$unit.code" ;;
            reset-failed*) [ $active != failed ] || rm -f "$unit.pid" "$unit.code" ;;
            show*--value*SubState*) echo $sub ;;
            show*) printf '%s\\n' LoadState=$load ActiveState=$active SubState=$sub Result=$result MainPID=$pid ExecMainStatus=$code ;;
            esac
            """,
        ]
        for (name, text) in texts { try await Files.writeProgram("#!/bin/sh\nset -eu\n\(text)\n".utf8, to: programs.appending(name)) }
    }

    func run(_ command: ShellCommand, input: [UInt8], timeout: Duration) async throws -> ShellResult {
        try await connection.run("export PATH=\(path); eval \(command.text)", input: input, timeout: timeout)
    }

    func upload(_ bytes: [UInt8], to path: String, mode: UInt16) async throws { try await connection.upload(bytes, to: path, mode: mode) }
    func download(_ path: String, limit: Int) async throws -> [UInt8] { try await connection.download(path, limit: limit) }
}
