package import ApplianceModel
internal import HostSystem

/// Conversations with a libvirt daemon, through its own program: it needs no library at build time, goes over SSH where the address says
/// so, and what it prints in the locale `C` is stable.
struct Virsh: Sendable {
    /// Such as `qemu:///system`.
    let uri: String

    /// Commands as a person would type them, one after the other.
    func lines(_ commands: String...) -> String {
        commands.map { (uri == ApplianceSpec.Libvirt().uri ? "virsh " : "virsh --connect \(uri) ") + $0 }.joined(separator: " && ")
    }

    /// Runs one command to its end.
    /// - Parameters:
    ///   - input: what the file `/dev/stdin` holds for it.
    ///   - limit: after which a daemon that does not answer is given up.
    /// - Returns: what it printed.
    /// - Throws: `libvirt.unreachable`, `libvirt.not-found`, `libvirt.refused`, `program.missing`.
    @discardableResult
    func run(_ arguments: [String], input: String = "", limit: Duration = .seconds(120)) async throws -> String {
        // Looked for first: `timeout` would not say which package it is in.
        _ = try ProgramRunner.find("virsh")
        let command = ["\(limit.components.seconds)", "virsh", "--connect", uri, "--quiet"] + arguments
        let result = try await ProgramRunner.run("timeout", command, input: Array(input.utf8), environment: ["LC_ALL": "C"])
        guard result.status != 0 else { return result.outputText }
        try Task.checkCancellation()
        throw failure(result, arguments, limit)
    }

    /// The same, where what is asked for need not be there.
    func runIfFound(_ arguments: [String]) async throws -> String? {
        do {
            return try await run(arguments)
        } catch let error as Failure where error.code == .libvirtNotFound {
            return nil
        }
    }

    /// What follows a label on a line of its own, as in `State:          running`.
    static func value(_ label: String, in text: String) -> String? {
        text.split(separator: "\n").lazy.compactMap { line -> String? in
            guard let colon = line.firstIndex(of: ":"), line[..<colon].trimmed == label else { return nil }
            return line[line.index(after: colon)...].trimmed
        }.first
    }

    private func failure(_ result: ProgramResult, _ arguments: [String], _ limit: Duration) -> Failure {
        if result.status == 124 {
            return Failure(
                .libvirtUnreachable, "libvirt at '\(uri)' has not answered for \(limit.components.seconds) s (\(arguments.first ?? ""))",
                remedy: "look at the daemon's log: journalctl -u libvirtd")
        }
        let lines = result.errorText.split(separator: "\n").map { $0.hasPrefix("error: ") ? String($0.dropFirst(7)) : String($0) }
        let said = lines.joined(separator: ": ")
        if said.contains("failed to connect to the hypervisor") { return unreachable(lines.dropFirst().joined(separator: ": ")) }
        if said.contains(
            #/[Dd]omain not found|no domain with matching|failed to get domain|not found: no (storage|network|domain)|no metadata|metadata not found/#)
        {
            return Failure(.libvirtNotFound, said)
        }
        return Failure(.libvirtRefused, said.isEmpty ? "virsh \(arguments.first ?? "") ended with status \(result.status)" : said)
    }

    private func unreachable(_ reason: String) -> Failure {
        let remedy =
            if uri.hasPrefix("qemu+ssh") {
                "ssh has to reach the host without a question: try 'virsh -c \(uri) version'"
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
    /// A domain, volume, pool or network that is not there.
    package static let libvirtNotFound = Failure.Code("libvirt.not-found")
    /// The daemon said no.
    package static let libvirtRefused = Failure.Code("libvirt.refused")
}
