internal import ApplianceModel
internal import Basics
internal import Quoting

/// Long-running work in the guest as a transient systemd unit, named after its content. A lost connection does not lose any work, and a
/// second run finds the first.
///
/// The script and its output are in `/run/pgkvm` and are lost with the unit at a reboot, so the result of the work must be checked by its
/// content. The script runs as root with `set -eu`; do not put secrets into it.
package struct RemoteUnit: Sendable {
    package enum State: Sendable, Equatable {
        case notStarted
        case running
        case succeeded
        case failed(log: String)
    }

    /// `pgkvm-PURPOSE-HASH`.
    package let name: String
    private let purpose: String
    private let script: String
    private let directory: String

    /// - Parameters:
    ///   - purpose: a short name in `a-z0-9-`; any other character becomes a hyphen.
    ///   - script: a script for `/bin/sh`.
    package init(purpose: String, script: String) { self.init(purpose: purpose, script: script, directory: "/run/pgkvm") }

    init(purpose: String, script: String, directory: String) {
        let purpose = String(purpose.lowercased().map { $0.isASCII && ($0.isLetter || $0.isNumber) ? $0 : "-" })
        self.purpose = purpose
        self.script = script
        self.directory = directory
        name = "pgkvm-\(purpose)-\(sha256(Array(script.utf8)).prefix(6).hexadecimal)"
    }

    private var scriptPath: String { "\(directory)/\(name).sh" }
    /// The file in the guest that receives the unit's output.
    package var logPath: String { "\(directory)/\(name).log" }

    // MARK: Commands

    /// Saves the script from standard input and starts the unit; `sudo` does not read any of the input.
    /// A unit that is running or has succeeded is left alone.
    var startCommand: ShellCommand {
        let body = """
            set -eu
            umask 077
            case $(systemctl show --value --property=SubState "$1.service") in
            dead | failed) ;;
            *) exit 0 ;;
            esac
            mkdir -p "${2%/*}"
            cat > "$2.new"
            mv -f "$2.new" "$2"
            rm -f "$3"
            systemctl reset-failed "$1.service" 2>/dev/null || true
            exec systemd-run --quiet --unit="$1" --remain-after-exit --service-type=exec --setenv=LANG=C.UTF-8 --setenv=HOME=/root \
            --property=StandardOutput="append:$3" --property=StandardError="append:$3" /bin/sh -eu "$2"
            """
        return "sudo -n sh -c \(body) sh \(name) \(scriptPath) \(logPath)"
    }

    /// Prints systemd's view of the unit as `KEY=VALUE` lines, an empty line, and the last lines of the unit's output.
    ///
    /// It waits in the guest for the unit's process, at most four seconds, and checks every quarter of a second: asking again over
    /// SSH each time would take much of an emulated guest's time.
    var stateCommand: ShellCommand {
        let body = """
            show() { systemctl show --property=LoadState,ActiveState,SubState,Result,ExecMainStatus,MainPID "$1.service"; }
            state=$(show "$1")
            pid=${state##*MainPID=}
            pid=${pid%%[!0-9]*}
            if [ "${pid:-0}" != 0 ] && timeout 4 tail -n 0 -s 0.25 -f --pid="$pid" /dev/null; then state=$(show "$1"); fi
            printf '%s\n\n' "$state"
            tail -n 40 "$2" 2>/dev/null || true
            """
        return "sudo -n sh -c \(body) sh \(name) \(logPath)"
    }

    /// Ends the unit if it runs, and removes everything that is recorded about it.
    var forgetCommand: ShellCommand {
        let body = """
            systemctl stop "$1.service" 2>/dev/null || true
            systemctl reset-failed "$1.service" 2>/dev/null || true
            rm -f "$2" "$3"
            """
        return "sudo -n sh -c \(body) sh \(name) \(scriptPath) \(logPath)"
    }

    // MARK: Use

    /// - Throws: what `RemoteShell.check` throws.
    package func state(on shell: some RemoteShell) async throws -> State { try await look(shell).state }

    /// Starts the unit, again if it failed before. A unit that is running or has succeeded is left alone.
    /// - Throws: what `RemoteShell.check` throws.
    package func start(on shell: some RemoteShell) async throws {
        let result = try await shell.run(startCommand, input: Array(script.utf8), timeout: .seconds(60))
        guard result.status != 0 else { return }
        // Another run may have started it between the check and the start.
        switch try await state(on: shell) {
        case .running, .succeeded: return
        case .notStarted, .failed:
            throw Failure(.remoteUnitFailed, "cannot start the guest's unit '\(name)': \(result.errorText)")
        }
    }

    /// Makes the guest forget the unit, so that the next run repeats the work although it succeeded before.
    /// - Throws: what `RemoteShell.check` throws.
    package func forget(on shell: some RemoteShell) async throws { try await shell.check(forgetCommand) }

    /// Starts the unit unless it is running or has succeeded, and waits for its end.
    /// - Parameters:
    ///   - timeout: how long to wait; the unit then continues without this program.
    ///   - connect: returns a connection; called first and whenever the last one was lost; it gives up by throwing.
    ///   - progress: called with each new last line of the unit's output.
    /// - Throws: `ssh.unit-failed` with the end of the unit's output, `timed-out`, what `connect` throws.
    package func runToEnd(
        timeout: Duration, connect: () async throws -> any RemoteShell, progress: (String) -> Void = { _ in }
    ) async throws {
        let deadline = ContinuousClock.now.advanced(by: timeout)
        var shell = try await connect()
        var isStarted = false
        var lastLine: Substring?
        while true {
            do {
                let (state, log) = try await look(shell)
                let line = log.split(at: "\n").last
                if let line, line != lastLine, isStarted || state == .running { progress(String(line.prefix(1_000))) }
                lastLine = line
                switch state {
                case .succeeded: return
                case .failed(let log) where isStarted:
                    throw Failure(
                        .remoteUnitFailed, "the guest's work '\(purpose)' failed", remedy: "look at \(logPath) in the guest", cause: UnitLog(text: log))
                case .notStarted, .failed:
                    // The unit is gone after it was started: the guest was restarted, and its work is lost or half done.
                    if isStarted { throw Failure(.remoteUnitFailed, "the guest's work '\(purpose)' is gone: the guest was restarted") }
                    try await start(on: shell)
                    isStarted = true
                case .running: isStarted = true
                }
            } catch let error as Failure where error.code == .sshConnectionLost || error.code == .sshTimedOut {
                guard ContinuousClock.now < deadline else { throw error }
                try await ContinuousClock().sleep(for: .milliseconds(250))
                shell = try await connect()
                continue
            }
            guard ContinuousClock.now < deadline else {
                throw Failure(
                    .timedOut, "the guest's work '\(purpose)' did not end within \(timeout)",
                    remedy: "run the same command again: the work goes on in the guest")
            }
            try await ContinuousClock().sleep(for: .milliseconds(100))
        }
    }

    // MARK: Reading

    private func look(_ shell: some RemoteShell) async throws -> (state: State, log: String) {
        let text = try await shell.check(stateCommand, timeout: .seconds(120)).outputText
        return try Self.parse(text)
    }

    /// Parses the output of `stateCommand`.
    static func parse(_ text: String) throws -> (state: State, log: String) {
        let lines = text.split(at: "\n", omittingEmptySubsequences: false)
        let head = lines.prefix { !$0.isEmpty }
        let log = lines.dropFirst(head.count + 1).suffix(40).map { $0.prefix(1_000) }.joined(separator: "\n")
        var values: [Substring: Substring] = [:]
        for line in head {
            guard let equals = line.unicodeScalars.firstIndex(of: "=") else { continue }
            values[line[..<equals]] = line[line.unicodeScalars.index(after: equals)...]
        }
        guard let active = values["ActiveState"], let sub = values["SubState"] else {
            throw Failure(.sshProtocol, "the guest's systemctl answered something else than a unit's state: \(text.prefix(200))")
        }
        switch (active, sub) {
        case _ where values["LoadState"] == "not-found": return (.notStarted, log)
        case ("failed", _):
            let why = "result \(values["Result"] ?? "unknown"), status \(values["ExecMainStatus"] ?? "unknown")"
            return (.failed(log: log.isEmpty ? why : "\(log)\n(\(why))"), log)
        case ("active", "exited"): return (.succeeded, log)
        case ("inactive", _): return (.notStarted, log)
        default: return (.running, log)
        }
    }
}

/// The end of a unit's output, as the cause of a failure.
struct UnitLog: Error, CustomStringConvertible {
    let text: String
    var description: String { text }
}
