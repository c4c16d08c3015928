internal import ApplianceModel
package import Basics
internal import CLinux
internal import Quoting
internal import Subprocess
package import SystemPackage

/// The result of a finished program.
package struct ProgramResult: Sendable {
    /// The exit status, or 128 + the signal that ended the program.
    package let status: Int32
    package let standardOutput: [UInt8]
    package let standardError: [UInt8]

    package var outputText: String { String(decoding: standardOutput, as: UTF8.self) }
    package var errorText: String { String(decoding: standardError, as: UTF8.self) }
}

/// Runs the host's programs: by their path where it is given, otherwise from the PATH (and the sbin directories, which an ordinary user's
/// PATH omits).
///
/// Never put secrets into arguments: pass them through `input`.
package enum ProgramRunner {
    /// The full path of a program.
    /// - Throws: `program.missing`, naming the Debian package where it is known.
    package static func find(_ name: String) throws -> FilePath {
        if let path = lookUp(name) { return path }
        if isPath(name) {
            throw Failure(.programMissing, "there is no program '\(name)' that this user may run", remedy: "look at it: ls -l \(ShellWord.quoted(name))")
        }
        let package = debianPackages[name]
        throw Failure(
            .programMissing, "program '\(name)' is not installed",
            remedy: package.map { "install the package '\($0)', as root: apt-get install \($0)" } ?? "install '\(name)' or add its directory to PATH")
    }

    /// The full path of a program, or nil when there is none. A name with a slash is a path and is not searched for anywhere else. The result is
    /// absolute, since the program may be run in another directory.
    package static func lookUp(_ name: String) -> FilePath? {
        if isPath(name) { return absolute(FilePath(name)).flatMap { Files.isExecutable($0) ? $0 : nil } }
        guard !name.isEmpty else { return nil }
        let path = EnvironmentVariable.value("PATH") ?? "/usr/bin:/bin"
        let directories = path.split(at: ":").map(String.init) + ["/usr/local/sbin", "/usr/sbin", "/sbin"]
        return directories.lazy.compactMap { absolute(FilePath($0))?.appending(name) }.first(where: Files.isExecutable)
    }

    private static func isPath(_ name: String) -> Bool { name.holds("/") }

    private static func absolute(_ path: FilePath) -> FilePath? {
        path.isAbsolute ? path : (try? Files.currentDirectory())?.pushing(path).lexicallyNormalized()
    }

    /// Runs a program to its end and returns the result with any status. Variables that hold secrets are not passed to it.
    ///
    /// Cancelling the task ends the program and everything it has started: SIGTERM, three seconds, SIGKILL.
    /// - Parameters:
    ///   - input: the program's standard input; it need not read it to the end.
    ///   - outputLimit: the maximum number of bytes of standard output and of standard error; more is an error.
    ///   - onLine: called with each line of standard error as it arrives (standard output is collected).
    /// - Throws: `program.missing`, `program.failed` when it cannot be started.
    package static func run(
        _ name: String, _ arguments: [String], input: [UInt8] = [], environment: [String: String] = [:],
        workingDirectory: FilePath? = nil, outputLimit: Int = 16 << 20, onLine: (@Sendable (String) -> Void)? = nil
    ) async throws -> ProgramResult {
        let executable = try find(name)
        var options = PlatformOptions()
        // A separate process group: SIGKILL to a `timeout` alone would leave its child behind.
        options.processGroupID = 0
        options.teardownSequence = [
            .gracefulShutDown(allowedDurationToNextStep: .seconds(3)),
            .send(signal: .kill, toProcessGroup: true, allowedDurationToNextStep: .zero),
        ]
        var updates = Dictionary(uniqueKeysWithValues: environment.map { (Environment.Key(stringLiteral: $0.key), Optional($0.value)) })
        for name in HostEnvironment.secrets { updates[Environment.Key(stringLiteral: name)] = .some(nil) }
        let configuration = Configuration(
            executable: .path(executable), arguments: Arguments(arguments), environment: .inherit.updating(updates),
            workingDirectory: workingDirectory, platformOptions: options)
        let standardInput = try memoryFile(input)
        defer { try? standardInput.close() }
        return try await WaitingTime.measure {
            do {
                return try await DebugLog.telling(.info, CommandText.render([name] + arguments), end: { "status \($0.status)" }) {
                    try await collect(configuration, input: standardInput, outputLimit: outputLimit, onLine: onLine)
                }
            } catch let error as SubprocessError {
                try Task.checkCancellation()
                throw Failure(.programFailed, "cannot run '\(name)'", cause: error)
            }
        }
    }

    /// Runs a program and turns every status but 0 into a failure that carries the end of its standard error.
    package static func check(
        _ name: String, _ arguments: [String], input: [UInt8] = [], environment: [String: String] = [:],
        workingDirectory: FilePath? = nil, onLine: (@Sendable (String) -> Void)? = nil
    ) async throws -> ProgramResult {
        let result = try await run(
            name, arguments, input: input, environment: environment, workingDirectory: workingDirectory, onLine: onLine)
        guard result.status == 0 else {
            try Task.checkCancellation()
            let said = result.errorText.isEmpty ? result.outputText : result.errorText
            let tail = said.split(at: "\n").suffix(8).joined(separator: "\n    ")
            throw Failure(.programFailed, "'\(name)' ended with status \(result.status)\(tail.isEmpty ? "" : ":\n    \(tail)")")
        }
        return result
    }

    /// The input as a file in memory. A pipe would end in SIGPIPE or in a fatal error of Subprocess when the program ends before it
    /// has read everything.
    private static func memoryFile(_ bytes: [UInt8]) throws -> FileDescriptor {
        var raw: Int32 = -1
        let error = unsafe clinux_memory_file("standard input", &raw)
        guard error == 0 else { throw Failure(.programFailed, "cannot make a file in memory", cause: Errno(rawValue: error)) }
        let file = FileDescriptor(rawValue: raw)
        do {
            try file.writeAll(bytes)
            try file.seek(offset: 0, from: .start)
        } catch {
            try? file.close()
            throw Failure(.programFailed, "cannot fill a file in memory", cause: error)
        }
        return file
    }

    private static func collect(
        _ configuration: Configuration, input: FileDescriptor, outputLimit: Int, onLine: (@Sendable (String) -> Void)?
    ) async throws -> ProgramResult {
        guard let onLine else {
            let result = try await Subprocess.run(
                configuration, input: .fileDescriptor(input, closeAfterSpawningProcess: false),
                output: .bytes(limit: outputLimit), error: .bytes(limit: outputLimit))
            return ProgramResult(
                status: result.terminationStatus.shellStatus, standardOutput: result.standardOutput, standardError: result.standardError)
        }
        let result = try await Subprocess.run(
            configuration, input: .fileDescriptor(input, closeAfterSpawningProcess: false), output: .bytes(limit: outputLimit), error: .sequence
        ) { execution in
            var lines: [String] = []
            for try await line in execution.standardError.strings() {
                let line = line.last?.isNewline == true ? String(line.dropLast()) : line
                lines.append(line)
                if lines.count > 400 { lines.removeFirst(200) }
                onLine(line)
            }
            return lines
        }
        return ProgramResult(
            status: result.terminationStatus.shellStatus, standardOutput: result.standardOutput,
            standardError: Array(result.closureResult.joined(separator: "\n").utf8))
    }

    /// The Debian packages that contain programs, where the two names differ or the package is not obvious.
    package static let debianPackages = [
        "qemu-system-x86_64": "qemu-system-x86", "qemu-img": "qemu-utils", "mmdebstrap": "mmdebstrap", "mke2fs": "e2fsprogs",
        "debugfs": "e2fsprogs", "mcopy": "mtools", "mkfs.vfat": "dosfstools", "sgdisk": "gdisk", "xorriso": "xorriso",
        "ssh-keygen": "openssh-client", "ssh": "openssh-client", "curl": "curl", "psql": "postgresql-client", "fio": "fio",
    ]
}

extension TerminationStatus {
    fileprivate var shellStatus: Int32 {
        switch self {
        case .exited(let code): code
        case .signaled(let signal): 128 + signal
        }
    }
}

extension Failure.Code {
    package static let programMissing = Failure.Code("program.missing")
    package static let programFailed = Failure.Code("program.failed")
}
