import ApplianceModel
import Basics
import FoundationEssentials
import HostSystem
import SystemPackage
import TestSupport
import Testing

/// What commands show while they work, as far as that needs no guest.
@Suite("Progress", .timeLimit(.minutes(40)))
struct ProgressTests {
    /// A deployment that fails at its second step, since nobody has the image.
    private static let failing = ["deploy", "orders", "--image", "debain-13", "--data-disk", "1GiB"]

    private struct Line: Decodable {
        struct Failure: Decodable { let code: String?, message: String, causes: [String], remedies: [String] }
        let event: String
        let time: String
        let step: String?
        let level: String?
        let message: String?
        let error: Failure?
    }

    private func lines(_ text: String) throws -> [Line] {
        try text.split(separator: "\n").map { line in
            do {
                return try JSONDecoder().decode(Line.self, from: Data(line.utf8))
            } catch {
                throw Failure(.programFailed, "no event: \(line)", cause: error)
            }
        }
    }

    @Test("With --progress json every line of standard error is an event, the failure and the debug log's lines included")
    func json() async throws {
        try await PGKVMHome.with { home in
            let result = try await home.withOwnCache.run(Self.failing + ["--progress", "json", "-vv"])
            #expect(result.status == 1 && result.outputText.isEmpty)
            let lines = try lines(result.errorText)
            let events = lines.map(\.event).filter { $0 != "log" }
            #expect(events.prefix(2) == ["runStarted", "stepStarted"] && events.suffix(4) == ["stepFailed", "runFinished", "error", "note"], "\(events)")
            let error = try #require(lines.last { $0.event == "error" })
            #expect(error.step == "prepare-image" && error.error?.code == "image.missing")
            #expect(error.error?.message.contains("did you mean 'debian-13'?") == true)
            #expect(error.error?.remedies.isEmpty == false)
            #expect(lines.contains { $0.event == "log" && $0.level == "info" && $0.message?.hasPrefix("qemu-") == true })
        }
    }

    @Test("Without a terminal a step has plain lines, with or without asking for them", arguments: [[], ["--progress", "plain"]])
    func plain(options: [String]) async throws {
        try await PGKVMHome.with { home in
            let text = try await home.withOwnCache.run(Self.failing + options).errorText
            #expect(text.hasPrefix("[1/11] Check the host\n"), "\(text)")
            #expect(text.contains(#/\[1\/11\] Check the host: done \([0-9]+\.[0-9] s\)\n/#))
            #expect(text.contains("prepare-image: error[image.missing]"))
            #expect(!text.contains("\u{1b}") && !text.contains("\r"))
        }
    }

    @Test("--quiet leaves the error, --progress none also what a person has to know")
    func quiet() async throws {
        try await PGKVMHome.with { home in
            let quiet = try await home.withOwnCache.run(Self.failing + ["--quiet"]).errorText
            #expect(quiet.hasPrefix("prepare-image: error[image.missing]") && !quiet.contains("to carry on"), "\(quiet)")
            let none = try await home.withOwnCache.run(Self.failing + ["--progress", "none"]).errorText
            #expect(none.hasPrefix("prepare-image: error[image.missing]") && none.contains("to carry on"), "\(none)")
        }
    }

    @Test("What contradicts itself is wrong usage", arguments: [["--quiet", "-v"], ["--quiet", "--progress", "json"], ["--progress", "loud"]])
    func contradiction(options: [String]) async throws {
        try await PGKVMHome.with { home in
            let result = try await home.run(Self.failing + options)
            #expect(result.status == 64, "\(result.errorText)")
            #expect(try Files.list(home.path).isEmpty)
        }
    }

    @Test("-v shows the programs that run", arguments: ["-v", "-vv"])
    func verbose(option: String) async throws {
        try await PGKVMHome.with { home in
            let text = try await home.withOwnCache.run(Self.failing + [option]).errorText
            #expect(text.contains(#/\ninfo: qemu-system-x86_64 .* -> status 0, [0-9]+ ms\n/#), "\(text)")
        }
    }

    @Test("The debug log is always there, tells everything, is its owner's alone, and 'logs' and 'diagnose' show it")
    func debugLog() async throws {
        try await PGKVMHome.with { home in
            _ = try await home.withOwnCache.run(Self.failing + ["--quiet"])
            let log = home.appliance("orders").appending("pgkvm.log")
            #expect(Files.status(log)?.permissions == 0o600)
            let text = try Files.readText(log)
            for part in [
                "deploy orders --image debain-13 --data-disk 1GiB --quiet\n", " info step check-host begins\n", " info qemu-",
                " error step prepare-image failed: error[image.missing]", " info exit status 1\n",
            ] { #expect(text.contains(part), "'\(part)' is not in:\n\(text)") }
            let shown = try await home.check("logs", "orders", "--pgkvm", "--lines", "1")
            #expect(shown.hasSuffix(" info exit status 1") && !shown.contains("\n"), "\(shown)")
            let archive = home.path.appending("orders.tar.gz")
            try await home.check("diagnose", "orders", "--output", archive.string)
            let names = try await ProgramRunner.check("tar", ["--list", "--gzip", "--file", archive.string]).outputText
            #expect(names.contains("/pgkvm.log\n"))
            try Files.remove(archive)
            // The log goes with the appliance.
            try await home.check("delete", "orders", "--confirm", "orders")
            #expect(try Files.list(home.path).filter { $0 != ".cache" }.isEmpty)
        }
    }

    @Test("A command that is refused, or only looks, leaves no log")
    func noLog() async throws {
        try await PGKVMHome.with { home in
            _ = try await home.run("deploy", "orders", "--vcpus", "0")
            _ = try await home.run("plan", "orders", "--brief")
            _ = try await home.run("stop", "orders")
            #expect(try Files.list(home.path).isEmpty)
        }
    }

    @Test("A download is told in bytes, with how many there will be, and logged beside the images")
    func download() async throws {
        try await PGKVMHome.with { home in
            let home = home.withOwnCache
            let served = home.path.appending(".served")
            try Files.createDirectory(served)
            let disk = try await BlankDisk.make(in: served)
            let sum = try await ProgramRunner.check("sha256sum", [disk.string]).outputText.prefix(64)
            try await SlowServer.with(serving: served) { url in
                let result = try await home.run(
                    "image", "import", "\(url)/blank.raw", "--checksum", "sha256:\(sum)", "--name", "blank", "--progress", "json")
                #expect(result.status == 0, "\(result.errorText)")
                struct Progress: Decodable { let event: String, bytes: Int64?, totalBytes: Int64? }
                let told = try result.errorText.split(separator: "\n").map { try JSONDecoder().decode(Progress.self, from: Data($0.utf8)) }
                #expect(told.contains { $0.event == "stepProgress" && ($0.bytes ?? 0) > 0 && $0.totalBytes == 64 << 20 }, "\(result.errorText)")
            }
            let log = home.path.appending(".cache").appending("pgkvm").appending("images").appending(".pgkvm.log")
            #expect(try Files.readText(log).contains(" info curl "))
        }
    }

    @Test("On a terminal the line of a step is rewritten, and gone when it is done", arguments: ["", "NO_COLOR=1"])
    func terminal(variables: String) async throws {
        try await PGKVMHome.with { home in
            let command = Self.failing.joined(separator: " ")
            let script = """
                env PGKVM_HOME=\(home.path) XDG_CACHE_HOME=\(home.path)/.cache \(variables) \(PGKVMHome.program) \(command) 2>&1 | cat -v >\(home.path)/piped
                env PGKVM_HOME=\(home.path) XDG_CACHE_HOME=\(home.path)/.cache \(variables) \(PGKVMHome.program) \(command)
                echo "status=$?"
                read -r line
                """
            try await TerminalScreen.with(["sh", "-c", script]) { screen in
                try await screen.waitFor("status=1")
                let shown = try #require(try await screen.text()).split(separator: "\n")
                #expect(shown.filter { $0.hasPrefix("[1/11] Check the host") }.count == 1, "\(shown)")
                #expect(!shown.contains { $0.hasPrefix("[2/11] Prepare the base image") }, "\(shown)")
                #expect(!(try Files.readText(home.path.appending("piped"))).contains("^["))
            }
        }
    }
}

/// A web server that takes its time.
private enum SlowServer {
    static func with(serving directory: FilePath, _ body: (String) async throws -> Void) async throws {
        let port = directory.appending("port")
        let output = try FileDescriptor.open(directory.appending("output"), .writeOnly, options: [.create, .append], permissions: .ownerReadWrite)
        defer { try? output.close() }
        let process = try DetachedProcess.spawn(["python3", "-c", script, directory.string, port.string], in: directory, output: output)
        func stop() async throws {
            try ProcessTable.kill(process.processID)
            _ = try await poll(every: .milliseconds(10), until: .now.advanced(by: .seconds(10)), on: ContinuousClock()) { process.exitStatus() }
        }
        do {
            let number = try await poll(every: .milliseconds(20), until: .now.advanced(by: .seconds(60)), on: ContinuousClock()) {
                try Files.readIfPresent(port).flatMap { Int(String(decoding: $0, as: UTF8.self)) }
            }
            guard let number else { throw Failure(.timedOut, "the web server did not come up: \(try Files.readText(directory.appending("output")))") }
            try await body("http://127.0.0.1:\(number)")
        } catch {
            try await stop()
            throw error
        }
        try await stop()
    }

    private static let script = """
        import http.server, os, sys, time
        directory, port = sys.argv[1:]

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                content = open(os.path.join(directory, self.path.lstrip("/")), "rb").read()
                self.send_response(200)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                for part in range(0, len(content), 8 << 20):
                    self.wfile.write(content[part:part + (8 << 20)])
                    time.sleep(0.3)

            def log_message(self, *arguments):
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        with open(port + ".new", "w") as file:
            file.write(str(server.server_address[1]))
        os.rename(port + ".new", port)
        server.serve_forever()
        """
}
