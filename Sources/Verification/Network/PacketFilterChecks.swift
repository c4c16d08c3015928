internal import ApplianceModel
internal import BuiltinTemplates
internal import Quoting
internal import Reports
internal import SecureShell

/// Which packets the guest lets through to its server, if hosts other than its own can reach it.
enum PacketFilterChecks {
    static let group = CheckGroup(name: .network, check: "network.filter") { run, _ in
        let target = run.target
        guard let filter = target.packetFilter else { return [] }
        let script = GuestScript.packetFilterReport.text(filter)
        let result = try await target.shell.check("sudo -n sh", input: Array(script.utf8), timeout: .seconds(60))
        let networks = filter.matches(of: #/ip saddr (\S+) tcp dport/#).map { String($0.1) }
        return [judge(PacketFilterReport(result.outputText), networks: networks.joined(separator: ", "))]
    }

    /// Compares every line with the wanted one. It does not work out what a rule lets in, so no rule is overlooked.
    ///
    /// Only pgkvm's own table is checked: whatever another table accepts has to pass this one too.
    static func judge(_ report: PacketFilterReport, networks: String) -> Finding {
        var faults = differences("in force", report.inForce, report.wanted) + differences("at boot", report.atBoot, report.wanted)
        if report.enabled != "enabled" { faults.append("nftables.service is \(report.enabled.isEmpty ? "not there" : report.enabled): no filter after a boot") }
        return Finding(
            check: "network.filter", level: faults.isEmpty ? .pass : .fail,
            measured: faults.isEmpty
                ? "SSH from everybody, PostgreSQL from \(networks); what is not named is dropped, in force and at each boot" : faults.joined(separator: "; "),
            expected: "PostgreSQL from \(networks) only, by the guest's nftables, in force and at each boot",
            remedy: faults.isEmpty
                ? nil
                : "in the guest: systemctl enable nftables && nft --file /etc/nftables.conf; where that file was changed, "
                    + "'pgkvm plan SPEC --out DIRECTORY' writes the right one")
    }

    /// The lines in which two of nft's listings differ.
    private static func differences(_ when: String, _ lines: [String], _ wanted: [String]) -> [String] {
        guard !wanted.isEmpty, !lines.isEmpty else { return ["\(when): no filter of pgkvm's"] }
        guard lines != wanted else { return [] }
        let more = lines.filter { !wanted.contains($0) }.map { "besides, '\($0)'" }
        let missing = wanted.filter { !lines.contains($0) }.map { "without '\($0)'" }
        return ["\(when): \(more.isEmpty && missing.isEmpty ? "the lines in another order, or twice" : (more + missing).joined(separator: ", "))"]
    }
}

/// What the guest reports about its packet filter: nft's own listings of pgkvm's table, line by line.
struct PacketFilterReport: Sendable, Equatable {
    var inForce: [String] = []
    /// The rules in the file that is loaded at each boot.
    var atBoot: [String] = []
    var wanted: [String] = []
    /// What systemd reports about the unit that loads it.
    var enabled = ""

    init(_ text: String) {
        var parts: [String: [String]] = [:]
        var part = ""
        for line in text.split(whereSeparator: \.isNewline) {
            if line.begins(with: "== ") { part = String(line.dropFirst(3)) } else { parts[part, default: []].append(Self.trimmed(line)) }
        }
        inForce = parts["in-force"] ?? []
        atBoot = parts["at-boot"] ?? []
        wanted = parts["wanted"] ?? []
        enabled = parts["enabled"]?.first ?? ""
    }

    private static func trimmed(_ line: Substring) -> String { line.split(whereSeparator: \.isWhitespace).joined(separator: " ") }
}
