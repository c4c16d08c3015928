internal import ApplianceModel
package import Basics
internal import Glibc
internal import HostSystem
internal import MachineBackend
internal import Quoting

/// Conversations with a libvirt daemon through libvirt's own program. It does not need a library at build time, connects over SSH where the
/// URI says so, and its output in the locale `C` is stable.
struct Virsh: Sendable {
    /// For example `qemu:///system`.
    let uri: String
    /// Whether a daemon on another host must not be contacted.
    var isOffline = false

    /// Whether the daemon is on another host.
    var isRemote: Bool { uri.begins(with: "qemu+ssh") }
    /// The URI for virsh, without interactive questions from SSH: there is no one to answer them.
    private var address: String {
        guard isRemote, !uri.contains("no_tty=") else { return uri }
        return uri + (uri.holds("?") ? "&" : "?") + "no_tty=1"
    }

    /// Commands as a person would type them, one after another.
    func lines(_ commands: String...) -> String {
        commands.map { (uri == ApplianceSpec.Libvirt().uri ? "virsh " : "virsh --connect \(ShellWord.quoted(uri)) ") + $0 }.joined(separator: " && ")
    }

    /// Runs one command and waits until it ends.
    /// - Parameters:
    ///   - input: the content of the file `/dev/stdin` for the command.
    ///   - limit: the time after which a daemon that does not answer is given up.
    /// - Returns: the command's output.
    /// - Throws: `libvirt.unreachable`, `libvirt.not-found`, `libvirt.pool`, `libvirt.refused`, `program.missing`.
    @discardableResult
    func run(_ arguments: [String], input: String = "", limit: Duration = .seconds(120)) async throws -> String {
        guard !isOffline || !isRemote else { throw Failure(.libvirtNotAsked, "libvirt at '\(uri)' was not asked") }
        // Checked first: `timeout` would not say which package contains virsh.
        _ = try ProgramRunner.find("virsh")
        let command = ["\(limit.components.seconds)", "virsh", "--connect", address, "--quiet"] + arguments
        let result = try await ProgramRunner.run("timeout", command, input: Array(input.utf8), environment: ["LC_ALL": "C"])
        guard result.status != 0 else { return result.outputText }
        try Task.checkCancellation()
        if result.status == 124 {
            throw Failure(
                .libvirtUnreachable, "libvirt at '\(uri)' has not answered for \(limit.components.seconds) s (\(arguments.first ?? ""))",
                remedy: isRemote ? sshRemedy : "look at the daemon's log: journalctl -u libvirtd")
        }
        throw failure(result.errorText, of: arguments.first ?? "", status: result.status)
    }

    /// The same, for an object that may not exist.
    func runIfFound(_ arguments: [String]) async throws -> String? {
        do {
            return try await run(arguments)
        } catch let error as Failure where error.code == .libvirtNotFound {
            return nil
        }
    }

    /// The value after a label on a line of its own, as in `State:          running`.
    static func value(_ label: String, in text: String) -> String? {
        text.split(at: "\n").lazy.compactMap { line -> String? in
            guard let colon = line.unicodeScalars.firstIndex(of: ":"), line[..<colon].trimmed == label else { return nil }
            return line[line.unicodeScalars.index(after: colon)...].trimmed
        }.first
    }

    /// The failure that the message of a failed command means.
    func failure(_ text: String, of command: String, status: Int32) -> Failure {
        let errors = text.split(at: "\n").filter { $0.begins(with: "error: ") }.map { String($0.dropFirst(7)) }
        let said = errors.isEmpty ? text.split(at: "\n").joined(separator: ": ") : errors.joined(separator: ": ")
        // The process that virsh writes to (the SSH client, the daemon) may be gone before it reads: then the signal ends virsh without a message.
        if said.isEmpty && status == 128 + SIGPIPE { return unreachable("the connection was closed") }
        switch LibvirtReason(said) {
        case .noDaemon: return unreachable(errors.dropFirst().joined(separator: ": "))
        case .connectionLost: return unreachable(said)
        case .poolInactive(let pool): return inactive(pool)
        case .poolMissing(let pool):
            return Failure(
                .libvirtPool, "libvirt at '\(uri)' has no storage pool '\(pool)'",
                remedy: lines("pool-define-as \(pool) dir --target DIRECTORY", "pool-start \(pool)", "pool-autostart \(pool)"))
        case .notFound: return Failure(.libvirtNotFound, said)
        default:
            // For a domain that does not exist this is the only line; a second line means that the look-up itself failed.
            if errors.count == 1, said.begins(with: "failed to get domain") { return Failure(.libvirtNotFound, said) }
            return Failure(.libvirtRefused, said.isEmpty ? "virsh \(command) ended with status \(status)" : said)
        }
    }

    func inactive(_ pool: String) -> Failure {
        Failure(.libvirtPool, "the storage pool '\(pool)' is not active", remedy: lines("pool-start \(pool)", "pool-autostart \(pool)"))
    }

    func stranger(_ name: ApplianceName) -> Failure {
        Failure(
            .machineStranger, "libvirt at '\(uri)' has a domain '\(name)' that is not of this deployment",
            remedy: "choose another name; pgkvm touches no domain that it has not made (\(lines("dumpxml \(name)")))")
    }

    private var sshRemedy: String { "ssh has to reach the host without a question: try: virsh -c \(ShellWord.quoted(uri)) version" }

    private func unreachable(_ reason: String) -> Failure {
        let remedy =
            if isRemote {
                sshRemedy
            } else if reason.contains(#/[Pp]ermission denied|authentication|not authorized/#) {
                "join the group 'libvirt': sudo usermod -aG libvirt $USER, then log in again; or use qemu:///session"
            } else {
                "start the daemon: sudo systemctl start libvirtd (package libvirt-daemon-system)"
            }
        return Failure(.libvirtUnreachable, "no libvirt daemon answers at '\(uri)': \(reason)", remedy: remedy)
    }
}

extension StringProtocol {
    fileprivate var trimmed: String {
        String(drop { $0.isWhitespace }.reversed().drop { $0.isWhitespace }.reversed())
    }
}

extension Failure.Code {
    package static let libvirtUnreachable = Failure.Code("libvirt.unreachable")
    /// The daemon is on another host and was not contacted, because no other host may be contacted.
    package static let libvirtNotAsked = Failure.Code("libvirt.not-asked")
    /// A domain, volume, pool or network that does not exist.
    package static let libvirtNotFound = Failure.Code("libvirt.not-found")
    /// The daemon refused.
    package static let libvirtRefused = Failure.Code("libvirt.refused")
}
