internal import ApplianceModel
internal import SecureShell

/// Whose packets the guest lets to its server, of a guest that others than its host can reach.
enum PacketFilterChecks {
    static let group = CheckGroup(name: .network, check: "network.filter") { run, _ in
        let target = run.target
        guard target.spec.network.mode != .user else { return [] }
        let ruleset = try await target.shell.run("sudo -n nft list ruleset", input: [], timeout: .seconds(30))
        let wanted = Set(["\(try await target.hostAddress())"] + target.spec.postgresql.allowFrom.map(name))
        return [judge(ruleset.outputText, wanted: wanted)]
    }

    /// As nft writes it: one address without the length of its prefix.
    private static func name(_ network: IPv4Network) -> String { network.prefixLength == 32 ? "\(network.address)" : "\(network)" }

    /// - Parameters:
    ///   - ruleset: what `nft list ruleset` printed.
    ///   - wanted: addresses and networks.
    static func judge(_ ruleset: String, wanted: Set<String>) -> Finding {
        let drops = ruleset.contains("hook input") && ruleset.contains("policy drop")
        let allowed = Set(ruleset.matches(of: #/ip saddr (\S+) tcp dport 5432 accept/#).map { String($0.1) })
        let isOpen = ruleset.split(whereSeparator: \.isNewline).contains { $0.firstMatch(of: #/^\s*tcp dport 5432 accept/#) != nil }
        let passed = drops && !isOpen && allowed == wanted
        let list = { (networks: Set<String>) in networks.isEmpty ? "nobody" : networks.sorted().joined(separator: ", ") }
        return Finding(
            check: "network.filter", level: passed ? .pass : .fail,
            measured: drops ? "PostgreSQL from \(isOpen ? "everybody" : list(allowed)); what is not named is dropped" : "packets that no rule names are let in",
            expected: "PostgreSQL from \(list(wanted)) only, by the guest's nftables",
            remedy: passed ? nil : "in the guest: nft --file /etc/nftables.conf && systemctl enable nftables; then 'pgkvm deploy NAME'")
    }
}
