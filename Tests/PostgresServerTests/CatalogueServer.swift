import ApplianceModel
import HostSystem
import PostgresServer
import SystemPackage
import TestSupport

/// A real server that says what it takes: the judge of the catalogue that was taken from it.
struct CatalogueServer {
    let cluster: PostgresCluster
    let catalogue: ServerCatalogue

    /// Such as the archive's names are.
    static let packages = "postgresql-15-pgvector postgresql-15-postgis-3 postgresql-15-cron postgresql-15-partman postgresql-plperl-15"

    static func with(_ body: @Sendable (CatalogueServer) async throws -> Void) async throws {
        try await PostgresCluster.with { cluster in
            let configuration = cluster.dataDirectory.appending("postgresql.conf")
            let more = "shared_preload_libraries = 'pg_stat_statements'\ninclude_if_exists 'probe.conf'\n"
            try await cluster.check("sh", ["-c", #"cat >> "$1""#, "sh", configuration.string], input: Array(more.utf8))
        } _: { cluster in
            let answer = try await cluster.check(
                "psql",
                [
                    "-X", "-h", cluster.socketDirectory.string, "-p", String(cluster.port), "-U", "postgres", "-v", "ON_ERROR_STOP=1", "-v", "scratch=1",
                    "-v", "packages=\(packages)", "-f", "-", "postgres",
                ], input: Array(ServerCatalogue.question.utf8))
            try await cluster.psql("ALTER SYSTEM RESET ALL")
            try await body(CatalogueServer(cluster: cluster, catalogue: ServerCatalogue(json: Array(answer.utf8), source: "a test's server")))
        }
    }

    /// Whether the server takes each value: from a configuration file, or where that would need a restart from `postgres -C`.
    func verdicts(_ pairs: [(name: String, value: String)]) async throws -> [Bool] {
        var verdicts = [Bool](repeating: false, count: pairs.count)
        let atStart = catalogue.restartSettings
        // The whole file is refused for a name that the server does not know.
        func isForStart(_ index: Int) -> Bool {
            let name = pairs[index].name
            return atStart.contains(name) || catalogue.setting(named: name) == nil && !name.contains(".")
        }
        let started = pairs.indices.filter(isForStart)
        for (index, verdict) in zip(started, try await startVerdicts(started.map { pairs[$0] })) { verdicts[index] = verdict }
        // A file holds each name once: of two lines the server checks the second only.
        var open = pairs.indices.filter { !isForStart($0) }
        while !open.isEmpty {
            var names: Set<String> = []
            let round = open.filter { names.insert(pairs[$0].name).inserted }
            open.removeAll(where: Set(round).contains)
            let refused = try await fileFaults(round.map { pairs[$0] })
            for index in round { verdicts[index] = !refused.contains(pairs[index].name.lowercased()) }
        }
        return verdicts
    }

    private func fileFaults(_ pairs: [(name: String, value: String)]) async throws -> Set<String> {
        let lines = pairs.map { "\($0.name) = '\($0.value.replacing("\\", with: "\\\\").replacing("'", with: "''"))'\n" }.joined()
        try await cluster.write(lines, to: cluster.dataDirectory.appending("probe.conf"))
        let rows = try await cluster.psql("SELECT lower(name) FROM pg_file_settings WHERE sourcefile LIKE '%probe.conf' AND error IS NOT NULL")
        return Set(rows.split(separator: "\n").map(String.init))
    }

    private func startVerdicts(_ pairs: [(name: String, value: String)]) async throws -> [Bool] {
        guard !pairs.isEmpty else { return [] }
        let script = """
            postgres=/usr/lib/postgresql/\(cluster.majorVersion)/bin/postgres data=$1
            shift
            while [ $# -gt 1 ]; do
                if "$postgres" -D "$data" -C port -c "$1=$2" >/dev/null 2>&1; then echo yes; else echo no; fi
                shift 2
            done
            """
        let answer = try await cluster.check("sh", ["-c", script, "sh", cluster.dataDirectory.string] + pairs.flatMap { [$0.name, $0.value] })
        return answer.split(separator: "\n").map { $0 == "yes" }
    }
}

/// Values as people write them, and as they mistype them.
struct ValueGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
        return value ^ (value >> 31)
    }

    private mutating func one(of words: [String]) -> String { words.randomElement(using: &self) ?? "" }

    private mutating func number() -> String {
        switch Int.random(in: 0..<14, using: &self) {
        case 0: "0x\(String(UInt32.random(in: 0...70_000, using: &self), radix: 16))"
        case 1: "0\(String(UInt32.random(in: 0...70_000, using: &self), radix: 8))"
        case 2: "\(Int.random(in: 0...100, using: &self)).\(Int.random(in: 0...999, using: &self))"
        case 3: ".\(Int.random(in: 0...999, using: &self))"
        case 4: "\(Int.random(in: 1...9, using: &self))e\(Int.random(in: -3...12, using: &self))"
        case 5: "-1"
        case 6: "\(Int.random(in: Int(Int32.min)...Int(Int32.max), using: &self))"
        case 7: one(of: ["9223372036854775807", "9223372036854775808", "2147483647", "2147483648", "-2147483648", "1e400", "1e-400", "99999999999999999999"])
        case 8: one(of: ["", "-", "+", "0x", "0b", "0b101", "08", "1_000", "1,5", "inf", "-inf", "nan", "0x1.8p1", "1.", "1e", "--1", "١"])
        default: "\(Int.random(in: 0...5_000, using: &self))"
        }
    }

    mutating func value(for setting: ServerCatalogue.Parameter) -> String {
        let units = ["", "", "", "B", "kB", "MB", "GB", "TB", "us", "ms", "s", "min", "h", "d", "mb", "KB", "kb", "gb", "MiB", "m", "S", "sec", "MB x", "%"]
        let space = ["", "", "", "", " ", "\t", "  "]
        let words = (setting.words ?? []) + (setting.furtherWords ?? []) + ["on", "off", "true", "false", "yes", "no", "default", "none"]
        switch Int.random(in: 0..<(setting.words == nil ? 8 : 2), using: &self) {
        case 0:
            let word = one(of: words)
            switch Int.random(in: 0..<4, using: &self) {
            case 0: return String(word.prefix(Int.random(in: 0...word.count, using: &self)))
            case 1: return word.uppercased()
            case 2: return one(of: ["maybe", "t", "f", "o", "of", "1", "0", "2", "tru", "onn", " on", "on "])
            default: return word
            }
        case 1 where setting.minimum != nil || setting.words != nil:
            if setting.words != nil { return one(of: words).capitalized }
            let limit = Double(one(of: [setting.minimum ?? "", setting.maximum ?? ""])) ?? 0
            return limit.magnitude < 1e15 ? String(Int64(limit) + Int64.random(in: -1...1, using: &self)) : "\(limit)"
        default: return one(of: space) + number() + one(of: space) + one(of: units) + one(of: space)
        }
    }
}

extension String {
    fileprivate var capitalized: String { prefix(1).uppercased() + dropFirst() }
}
