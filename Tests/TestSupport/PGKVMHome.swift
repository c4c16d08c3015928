internal import ApplianceModel
internal import Basics
internal import Glibc
package import HostSystem
internal import Synchronization
package import SystemPackage

/// A state directory of its own for the built program, and the program itself.
///
/// The path is short, since sockets lie below it, and on a file system that is on a disk, since data disks do too.
package struct PGKVMHome: Sendable {
    package let path: FilePath
    /// Further variables for every run, such as `XDG_CACHE_HOME`.
    package var environment: [String: String] = [:]
    /// What the program is run with: itself, where the test's own user runs it.
    private var command = ["env", Self.program.string]

    private init(path: FilePath) { self.path = path }

    /// `$PGKVM_TEST_BINARY`, else the debug build of this checkout.
    package static var program: FilePath {
        if let path = EnvironmentVariable.value("PGKVM_TEST_BINARY"), !path.isEmpty { return FilePath(path) }
        let root = FilePath(#filePath).removingLastComponent().removingLastComponent().removingLastComponent()
        return root.appending(".build").appending("debug").appending("pgkvm")
    }

    /// Makes a directory, runs `body`, and removes every appliance, process and file of it, whatever comes.
    /// - Throws: what `body` throws; a failure when something could not be removed.
    package static func with<Value: Sendable>(_ body: (PGKVMHome) async throws -> Value) async throws -> Value {
        guard Files.isExecutable(program) else {
            throw Failure(.programMissing, "there is no '\(program)'", remedy: "swift build --product pgkvm, or set PGKVM_TEST_BINARY")
        }
        let home = PGKVMHome(path: try Files.createTemporaryDirectory(in: "/var/tmp", prefix: "pgkvm"))
        do {
            let value = try await body(home)
            try await withoutCancellation { try await home.remove() }
            return value
        } catch {
            try? await withoutCancellation { try await home.remove() }
            throw error
        }
    }

    /// The same state directory with an image cache of its own, which goes when the directory goes.
    package var withOwnCache: PGKVMHome {
        var copy = self
        copy.environment["XDG_CACHE_HOME"] = path.appending(".cache").string
        return copy
    }

    /// The same state directory in the hands of a user without rights, with copies of the program and of the images there.
    package func handedOver(to user: String) async throws -> PGKVMHome {
        let cache = FilePath(EnvironmentVariable.value("XDG_CACHE_HOME") ?? "\(EnvironmentVariable.value("HOME") ?? "")/.cache")
        let program = path.appending(".program")
        let script = #"""
            mkdir -p "$1/.cache/pgkvm"
            cp -r --reflink=auto "$2" "$1/.cache/pgkvm/images"
            cp "$3" "$4"
            chown -R "$5": "$1"
            """#
        _ = try await ProgramRunner.check(
            "sh", ["-euc", script, "sh", path.string, cache.appending("pgkvm").appending("images").string, Self.program.string, program.string, user])
        var copy = withOwnCache
        copy.environment["HOME"] = path.string
        let group = try await ProgramRunner.check("id", ["-g", user]).outputText.filter(\.isNumber)
        copy.command = ["setpriv", "--reuid=\(user)", "--regid=\(group)", "--clear-groups", "--inh-caps=-all", program.string]
        return copy
    }

    /// The same state directory, with the program run in another network.
    package func inside(_ network: NetworkNamespace) -> PGKVMHome {
        var copy = self
        copy.command = network.prefix + command
        return copy
    }

    /// The same state directory, with the program run on the host of a libvirt daemon.
    package func inside(_ daemon: LibvirtDaemon) -> PGKVMHome {
        var copy = self
        copy.command = daemon.prefix + command
        return copy
    }

    package func appliance(_ name: String) -> FilePath { path.appending(name) }
    package func machine(_ name: String) -> FilePath { appliance(name).appending("machines").appending("0") }

    private var variables: [String: String] { environment.merging(["PGKVM_HOME": path.string]) { own, _ in own } }

    /// Runs the program to its end and returns whatever its status is.
    package func run(_ arguments: String..., input: [UInt8] = [], environment: [String: String] = [:]) async throws -> ProgramResult {
        try await run(arguments, input: input, environment: environment)
    }

    /// As the one above.
    package func run(_ arguments: [String], input: [UInt8] = [], environment: [String: String] = [:]) async throws -> ProgramResult {
        // `ProgramRunner` keeps variables that hold secrets from what it runs, and a test may want the program to have one.
        let assignments = environment.map { "\($0.key)=\($0.value)" }
        return try await ProgramRunner.run("env", assignments + command + arguments, input: input, environment: variables)
    }

    /// Runs the program; a status other than 0 is an error that carries what it said.
    /// - Returns: its standard output without the last newline.
    @discardableResult
    package func check(_ arguments: String..., input: [UInt8] = []) async throws -> String { try await check(arguments: arguments, input: input) }

    /// As the one above.
    @discardableResult
    package func check(arguments: [String], input: [UInt8] = []) async throws -> String {
        let result = try await run(arguments, input: input)
        guard result.status == 0 else {
            throw Failure(
                .programFailed, "'pgkvm \(arguments.joined(separator: " "))' ended with status \(result.status):\n\(result.errorText)\(result.outputText)")
        }
        return result.outputText.hasSuffix("\n") ? String(result.outputText.dropLast()) : result.outputText
    }

    /// Starts the program in the background, so that it can be sent signals.
    package func start(_ arguments: String...) throws -> BackgroundProgram {
        let assignments = variables.map { "\($0.key)=\($0.value)" }
        return try BackgroundProgram(["env"] + assignments + command + arguments, in: path)
    }

    /// Processes whose working directory or command line is in this state directory, with what they are.
    package func processes() -> [(id: Int32, text: String)] {
        HostProcesses.all().filter { process in
            process.arguments.contains { $0.contains(path.string) } || process.workingDirectory?.starts(with: path) == true
        }.map { ($0.id, $0.arguments.joined(separator: " ")) }
    }

    /// Whether none of them is left, or the last is just ending: a keeper, a relay or a terminal goes a moment after what it was there for.
    package func hasNoProcesses() async throws -> Bool {
        try await poll(every: .milliseconds(50), until: .now.advanced(by: .seconds(600)), on: ContinuousClock()) { processes().isEmpty ? true : nil } ?? false
    }

    private func remove() async throws {
        var failures: [String] = []
        for name in try Files.list(path) where Files.exists(appliance(name).appending("spec.yaml")) {
            let result = try await run("delete", name, "--confirm", name)
            if result.status != 0 { failures.append("delete \(name): \(result.errorText)") }
        }
        for process in processes() {
            failures.append("still there: \(process.id) \(process.text)")
            try ProcessTable.kill(process.id)
            // Its files can only be removed for good once it is gone.
            _ = try await poll(every: .milliseconds(600), until: .now.advanced(by: .seconds(10)), on: ContinuousClock()) {
                ProcessTable.exists(process.id) ? nil : true
            }
        }
        try Files.remove(path)
        guard failures.isEmpty else { throw Failure(.programFailed, "the tests left something behind:\n\(failures.joined(separator: "\n"))") }
    }
}

/// A program that runs beside the test, in a session of its own.
package final class BackgroundProgram: Sendable {
    private let process: DetachedProcess
    /// Its exit status, once it was asked for: from then on its id may be another process's.
    private let status = Mutex<Int32?>(nil)
    private let log: FilePath

    package var processID: Int32 { process.processID }

    init(_ command: [String], in directory: FilePath) throws {
        log = directory.appending(".output.\(UInt32.random(in: 0 ... .max))")
        let file = try FileDescriptor.open(log, .writeOnly, options: [.create, .append, .closeOnExec], permissions: .ownerReadWrite)
        defer { try? file.close() }
        process = try DetachedProcess.spawn(command, in: directory, output: file)
    }

    /// Sends a signal; a process that has ended is no error.
    package func send(_ signal: Int32) {
        if isRunning { kill(process.processID, signal) }
    }

    /// The same to the processes that it started as well, as far as they stayed in its session.
    package func sendToSession(_ signal: Int32) {
        if isRunning { kill(-process.processID, signal) }
    }

    /// What it has written to standard output and standard error until now.
    package var output: String { (try? Files.readText(log)) ?? "" }

    /// Waits until it has ended.
    /// - Returns: its exit status, or 128 + the signal that ended it.
    package func end() async throws -> Int32 {
        let clock = ContinuousClock()
        guard let status = try await poll(every: .milliseconds(600), until: clock.now + .seconds(3600), on: clock, { exitStatus() }) else {
            throw Failure(.timedOut, "process \(process.processID) has not ended within an hour:\n\(output)")
        }
        return status
    }

    /// Waits for something, as long as the program runs.
    /// - Returns: what `probe` found; nil when the program ended before.
    package func waiting<Value>(every interval: Duration = .milliseconds(1), _ probe: () throws -> Value?) async throws -> Value? {
        let clock = ContinuousClock()
        return try await poll(every: interval, until: clock.now + .seconds(3600), on: clock) { () -> Value?? in
            if let value = try probe() { return .some(value) }
            return isRunning ? nil : .some(nil)
        } ?? nil
    }

    package var isRunning: Bool { exitStatus() == nil }

    private func exitStatus() -> Int32? {
        status.withLock { status in
            if status == nil { status = process.exitStatus() }
            return status
        }
    }
}

/// What `/proc` tells of the host's processes.
package struct HostProcesses {
    package let id: Int32
    package let arguments: [String]
    package let workingDirectory: FilePath?

    /// Every process that can be looked at; those that end meanwhile are left out.
    package static func all() -> [HostProcesses] {
        let names = (try? Files.list("/proc")) ?? []
        return names.compactMap(Int32.init).compactMap { id in
            guard let bytes = try? Files.read(FilePath("/proc/\(id)/cmdline")), !bytes.isEmpty else { return nil }
            let arguments = bytes.split(separator: 0).map { String(decoding: $0, as: UTF8.self) }
            return HostProcesses(id: id, arguments: arguments, workingDirectory: try? Files.linkTarget(FilePath("/proc/\(id)/cwd")))
        }
    }
}
