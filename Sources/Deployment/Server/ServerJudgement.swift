internal import ApplianceModel
internal import Basics
internal import PostgresServer
internal import Verification

/// What the guest's PostgreSQL says about a spec: what it would refuse, and which changed settings it reads only when it starts. Pure;
/// `ServerQuestion` and `PresentServer` ask the questions.
struct ServerJudgement {
    /// What prevents the server from running as the spec asks, by the key of the spec.
    let faults: [SpecFault]
    /// The names of settings whose current value differs from the value after a start with the new files; empty if no server runs.
    let waitingForRestart: [String]
    /// Whether a server is running.
    let isRunning: Bool
    /// Lines that an administrator added to pgkvm's files, by file: a change would remove them.
    let addedByHand: [String: [String]]

    /// - Parameters:
    ///   - extensions: for each of the answer's extensions, the database that asks for it.
    ///   - known: the files of the configuration in force, by their path in the configuration directory.
    ///   - planned: the files to judge, by the same paths.
    init(
        _ spec: ApplianceSpec, answer: ServerAnswer, present: PresentServer?, extensions: [(name: String, path: String)],
        known: [String: String], planned: [String: String]
    ) {
        isRunning = present != nil
        var faults: [SpecFault] = []
        if let server = answer.server {
            faults += answer.refusal.filter { $0.isRefusal }.map { Self.fault($0, spec) }
            faults += answer.log.filter { $0.severity != "LOG" }.map { Self.fault($0, spec) }
            faults += zip(extensions, answer.extensions).compactMap { asked, messages in
                messages.first { $0.isRefusal }.map { Self.extensionFault(asked, $0, server.extensions) }
            }
            faults += Self.againstHost(server, answer, present, spec)
            faults += Self.memberships(spec, server.roles)
        } else {
            // A server that started but accepts no session is no better than one that did not start.
            let refusals = answer.refusal.filter { $0.isRefusal }.map { Self.fault($0, spec) }
            faults += refusals.isEmpty ? Self.startFaults(answer.log, spec) : refusals
        }
        // If two settings take their values from the same wrong value, it is reported as one fault.
        var seen: Set<String> = []
        self.faults = faults.filter { $0.path == Self.anySetting || seen.insert($0.path).inserted }
        waitingForRestart = Self.waiting(answer.server, present)
        addedByHand = HandAdded.lines(inForce: answer.files, known: known, planned: planned)
    }

    /// The key of a fault that cannot be assigned to a single setting.
    static let anySetting = "postgresql.settings"

    /// If the server did not start, everything that it wrote may be a reason, except the messages about its start and end. Messages that only sum up
    /// others are left out.
    private static func startFaults(_ log: [ServerMessage], _ spec: ApplianceSpec) -> [SpecFault] {
        let sums = ["contains errors", "could not create any", "could not load pg_hba.conf", "startup process", "aborting startup"]
        let ways = ["starting ", "listening ", "database system ", "received ", "aborting ", "background worker ", "shutting down", "checkpoint", "redo "]
        var reasons = log.filter { message in
            message.severity != "LOG" || !ways.contains { message.text.utf8.starts(with: $0.utf8) }
        }
        let firsts = reasons.filter { message in !sums.contains { message.text.firstRange(of: $0) != nil } }
        if !firsts.isEmpty { reasons = firsts }
        guard !reasons.isEmpty else {
            let said = log.last.map { ": \($0.words)" } ?? " and says nothing"
            return [SpecFault(anySetting, "a server with these settings does not start\(said)")]
        }
        return reasons.map { fault($0, spec) }
    }

    /// Finds the settings whose values differ between the running server and the trial server. Settings that were set by ALTER SYSTEM are not the
    /// spec's. Settings that the trial had to set for itself stay as pgkvm decides them.
    private static func waiting(_ server: ServerAnswer.Server?, _ present: PresentServer?) -> [String] {
        guard let server, let present else { return [] }
        let now = Dictionary(present.startSettings.map { ($0.name, $0.value) }, uniquingKeysWith: { first, _ in first })
        return server.settings.filter { setting in
            guard setting.context == "postmaster", !setting.isAlterSystem, let value = now[setting.name] else { return false }
            guard !trialOwn.contains(setting.name) else {
                // The trial did not resolve this value; `huge_pages` is the only setting of this kind that a spec may set.
                return setting.name == "huge_pages" && HugePages.text(server.written["huge_pages"]) != value
            }
            return value != setting.value
        }.map(\.name).sorted()
    }

    /// Settings of the context `postmaster` that `try-server.sh` sets on the command line.
    private static let trialOwn: Set<String> = [
        "data_directory", "config_file", "hba_file", "ident_file", "external_pid_file", "listen_addresses", "unix_socket_directories", "archive_mode",
        "huge_pages", "logging_collector",
    ]
}

// MARK: Against the current state

extension ServerJudgement {
    /// Faults that a start on the scratch cluster cannot show.
    private static func againstHost(
        _ server: ServerAnswer.Server, _ answer: ServerAnswer, _ present: PresentServer?, _ spec: ApplianceSpec
    ) -> [SpecFault] {
        func value(_ name: String) -> String? { server.settings.first { $0.name == name }?.value }
        func number(_ name: String) -> Int { value(name).flatMap { Int($0) } ?? 0 }
        var faults: [SpecFault] = []
        func refuse(_ name: String, _ message: String) { faults.append(SpecFault(path(of: name, spec), message)) }

        let prepared = present?.preparedTransactions ?? answer.host["prepared"] ?? 0
        if number("max_prepared_transactions") < prepared {
            refuse(
                "max_prepared_transactions",
                "\(number("max_prepared_transactions")) is fewer than the \(prepared) prepared transactions that wait in the server; commit or roll them back first"
            )
        }
        let slots = present?.slots.count ?? answer.host["slots"] ?? 0
        if number("max_replication_slots") < slots {
            refuse("max_replication_slots", "\(number("max_replication_slots")) is fewer than the \(slots) replication slots that the server has")
        }
        if let slot = present?.slots.first(where: \.isLogical), value("wal_level") != "logical" {
            refuse(
                "wal_level",
                "'\(value("wal_level") ?? "")' cannot carry the logical replication slot \(SpecRules.shown(slot.name)); drop the slot first, or keep logical")
        }
        if HugePages.text(server.written["huge_pages"]) == "on", let needed = server.hugePages.flatMap({ Int($0) }),
            let there = answer.host["hugePages"], needed > there
        {
            refuse("huge_pages", "'on' needs \(needed) huge pages, and the guest has memory for \(there); lower shared_buffers, or take 'try'")
        }
        if let command = server.written["archive_command"], let library = server.written["archive_library"], !command.isEmpty, !library.isEmpty {
            refuse("archive_library", "\(SpecRules.shown(library)) and archive_command cannot both be set; set 'archive_command' to an empty text beside it")
        }
        if let fault = standbys(server, present) { refuse("synchronous_standby_names", fault) }
        return faults
    }

    /// A commit that waits for a missing standby waits for ever.
    private static func standbys(_ server: ServerAnswer.Server, _ present: PresentServer?) -> String? {
        guard let text = server.written["synchronous_standby_names"], let names = StandbyNames(text), names.count > 0 else { return nil }
        let level = server.written["synchronous_commit"] ?? "on"
        guard !["off", "local", "false", "no", "0"].contains(level.lowercased()), !names.areThere(present?.standbys ?? []) else { return nil }
        let there = present.map {
            $0.standbys.isEmpty ? "no standby streams" : "only \($0.standbys.map { SpecRules.shown($0) }.joined(separator: ", ")) streams"
        }
        return "\(SpecRules.shown(text)): every commit would wait for ever, since \(there ?? "no server runs, and so no standby"); connect the standby first"
    }

    private static func memberships(_ spec: ApplianceSpec, _ known: [String]) -> [SpecFault] {
        let own = Set(spec.postgresql.roles.map { Array($0.name.utf8) } + known.map { Array($0.utf8) })
        return spec.postgresql.roles.enumerated().flatMap { index, role in
            role.memberOf.enumerated().filter { !own.contains(Array($0.element.utf8)) }.map {
                SpecFault(
                    "postgresql.roles[\(index)].memberOf[\($0.offset)]",
                    "the server has no role \(SpecRules.shown($0.element))\(Suggestion.text(for: $0.element, among: known))")
            }
        }
    }

    private static func extensionFault(_ asked: (name: String, path: String), _ message: ServerMessage, _ available: [String]) -> SpecFault {
        let isMissing = !available.contains { $0.utf8.elementsEqual(asked.name.utf8) }
        return SpecFault(asked.path, "\(SpecRules.shown(asked.name)): \(message.words)" + (isMissing ? guess(asked.name, available) : ""))
    }

    /// A similar name, or one that is part of the other.
    private static func guess(_ name: String, _ available: [String]) -> String {
        if let near = Suggestion.nearest(to: name, among: available) { return "; did you mean '\(near)'?" }
        let part = available.filter { $0.utf8.count >= 4 && (name.firstRange(of: $0) != nil || $0.firstRange(of: name) != nil) }
        return part.isEmpty ? "" : "; did you mean \(part.prefix(3).map { "'\($0)'" }.joined(separator: " or "))?"
    }
}

// MARK: Which key a message is about

extension ServerJudgement {
    /// The fault of the spec that a server message reports.
    static func fault(_ message: ServerMessage, _ spec: ApplianceSpec) -> SpecFault {
        let words = message.words
        if words.firstRange(of: "postgresql.auto.conf") != nil || isForeign(message.text, spec) {
            return SpecFault(anySetting, "\(words); the spec does not say so: undo it first where it was set (ALTER SYSTEM RESET, or a file added to conf.d)")
        }
        guard let name = setting(in: message, spec) else { return SpecFault(anySetting, words) }
        let path = path(of: name, spec)
        guard path == "postgresql.settings.\(name)", let value = spec.postgresql.settings.first(where: { $0.key.lowercased() == name })?.value else {
            return SpecFault(path, words)
        }
        return SpecFault(path, "\(SpecRules.shown(value)): \(words)")
    }

    /// Whether a message complains about a value that none of pgkvm's files gives the setting.
    private static func isForeign(_ text: String, _ spec: ApplianceSpec) -> Bool {
        guard let match = text.firstMatch(of: #/parameter "([^"]+)": "(.*)"$/#) else { return false }
        let settings = ServerConfiguration(spec: spec, layout: .debian(version: spec.postgresql.version ?? 17)).settings.effective
        return settings[match.1.lowercased()].map { !$0.utf8.elementsEqual(match.2.utf8) } ?? true
    }

    /// The setting that a message names; or else one of the spec's settings whose value the message quotes (`could not access file "timescaledb"`),
    /// or whose name it mentions; or else the only setting in the spec.
    private static func setting(in message: ServerMessage, _ spec: ApplianceSpec) -> String? {
        if let match = message.text.firstMatch(of: #/parameter (?:name )?"([A-Za-z_][A-Za-z0-9_.$]*)"/#) { return match.1.lowercased() }
        let text = message.words
        let settings = spec.postgresql.settings.sorted { $0.key < $1.key }.map { (name: $0.key.lowercased(), value: $0.value) }
        let words = Set(text.matches(of: #/[A-Za-z_][A-Za-z0-9_.]*/#).map { $0.0.lowercased() })
        if let named = settings.first(where: { words.contains($0.name) }) { return named.name }
        if let line = text.firstMatch(of: #/90-spec\.conf" line ([0-9]{1,6})/#).flatMap({ Int($0.1) }) { return lineSetting(line, spec) }
        let quoted = text.matches(of: #/"([^"]+)"/#).map { String($0.1) }.filter { $0.utf8.count > 1 }
        if let quoting = settings.first(where: { setting in
            quoted.contains { setting.value.firstRange(of: $0) != nil || (setting.value.utf8.count > 2 && $0.firstRange(of: setting.value) != nil) }
        }) {
            return quoting.name
        }
        let related = settings.map { setting in
            (
                name: setting.name,
                score: setting.name.split(whereSeparator: { $0 == "_" || $0 == "." }).count { part in
                    part.utf8.count > 2 && words.contains { $0.hasPrefix(part) || ($0.utf8.count > 4 && part.hasPrefix($0)) }
                }
            )
        }
        if let best = related.max(by: { $0.score < $1.score }), best.score > 1 { return best.name }
        return settings.count == 1 ? settings.first?.name : nil
    }

    /// The setting on a line of the spec's own file: a syntax error names only the line.
    private static func lineSetting(_ line: Int, _ spec: ApplianceSpec) -> String? {
        let configuration = ServerConfiguration(spec: spec, layout: .debian(version: spec.postgresql.version ?? 17))
        guard let file = try? configuration.files().first(where: { $0.path == "conf.d/90-spec.conf" }) else { return nil }
        let lines = file.text.split(omittingEmptySubsequences: false, whereSeparator: { $0 == "\n" })
        guard lines.indices.contains(line - 1) else { return nil }
        return lines[line - 1].prefixMatch(of: #/[a-z_][a-z0-9_.$]*/#).map { String($0.0) }
    }

    /// The key of the spec that decides a setting.
    static func path(of setting: String, _ spec: ApplianceSpec) -> String {
        switch setting {
        case "timezone", "log_timezone": "postgresql.timeZone"
        case _ where spec.postgresql.settings.keys.contains { $0.lowercased() == setting }: "postgresql.settings.\(setting)"
        case "lc_monetary", "lc_numeric", "lc_time": "postgresql.locale"
        default: "postgresql.settings.\(setting)"
        }
    }
}

extension ServerMessage {
    /// Whether the statement or the session was refused.
    fileprivate var isRefusal: Bool { ["ERROR", "FATAL", "PANIC"].contains(severity) }
}
