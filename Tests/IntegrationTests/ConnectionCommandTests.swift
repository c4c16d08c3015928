import ApplianceModel
import FoundationEssentials
import HostSystem
import Reports
import SystemPackage
import TestSupport
import Testing

@Suite("The commands that connect", .enabled(if: PostgresCluster.switchesUser, "needs root, to become the server's user"), .timeLimit(.minutes(40)))
struct ConnectionCommandTests {
    private static let names = [
        "app", "o'brien", #"a:b\c"#, "$(id)", "-c", "postgresql://x", "host=evil dbname=postgres", #"it's "q" \ %d"#, "ends blank ", "`id`;&|",
    ]
    private static let whoAmI = "SELECT current_user || '/' || current_database() || '/' || ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
    private static let query = ["-X", "-A", "-t", "-w", "-c", whoAmI]

    /// What leads somebody else's connection elsewhere, or breaks it: of every kind of variable that a libpq has known.
    private static let hostile = [
        "PGSERVICE": "nosuch", "PGSERVICEFILE": "/nonexistent", "PGSYSCONFDIR": "/nonexistent", "PGPASSWORD": "wrong", "PGPASSFILE": "/nonexistent",
        "PGHOST": "evil.invalid", "PGHOSTADDR": "192.0.2.1", "PGPORT": "1", "PGDATABASE": "nosuch", "PGUSER": "nosuch", "PGOPTIONS": "-c nosuch.x=1 -c",
        "PGTZ": "Nowhere/At_All", "PGDATESTYLE": "nosuch", "PGGEQO": "nosuch", "PGCLIENTENCODING": "nosuch", "PGSSLMODE": "nosuch",
        "PGSSLROOTCERT": "/nonexistent", "PGSSLCERT": "/dev/null", "PGSSLKEY": "/dev/null", "PGSSLCRL": "/dev/null", "PGSSLCRLDIR": "/nonexistent",
        "PGSSLNEGOTIATION": "nosuch", "PGSSLMINPROTOCOLVERSION": "nosuch", "PGSSLMAXPROTOCOLVERSION": "TLSv1", "PGSSLCERTMODE": "require", "PGSSLSNI": "x",
        "PGREQUIREAUTH": "none", "PGREQUIREPEER": "nobody", "PGCHANNELBINDING": "nosuch", "PGGSSENCMODE": "require", "PGKRBSRVNAME": "x", "PGGSSLIB": "x",
        "PGTARGETSESSIONATTRS": "standby", "PGLOADBALANCEHOSTS": "nosuch", "PGCONNECT_TIMEOUT": "x", "PGAPPNAME": "other", "PGREPLICATION": "database",
        "PGMINPROTOCOLVERSION": "9.9", "PGMAXPROTOCOLVERSION": "nosuch", "PGLOCALEDIR": "/nonexistent", "PGFUTURE": "x", "PGCLUSTER": "99/nosuch",
    ]

    @Test("Each printed form leads psql and a shell to the role and database of each name, and names no host that has to be looked up")
    func forms() async throws {
        try await StandInAppliance.with(names: Self.names) { appliance in
            for name in Self.names {
                func text(_ form: String) async throws -> String {
                    try await appliance.home.check("connection", appliance.name, "--as", form, "--database=\(name)", "--role=\(name)")
                }
                let expected = "\(name)/\(name)/true\n"
                for form in ["uri", "libpq"] { #expect(try await psql([text(form)]) == expected, "\(form) \(name)") }
                #expect(try await text("uri").contains("@127.0.0.1:\(appliance.cluster.port)/"))
                let script = try await "\(text("env"))\nexec psql \"$@\""
                #expect(try await ProgramRunner.check("sh", ["-euc", script, "sh"] + Self.query).outputText == expected, "env \(name)")
                guard name.utf8.last != UInt8(ascii: " ") else { continue }
                let service = appliance.home.path.appending("service.conf")
                try await Files.write(text("service") + "\n", to: service)
                #expect(try await psql(["service=\(appliance.name)"], environment: ["PGSERVICEFILE": service.string]) == expected, "service \(name)")
            }
        }
    }

    @Test("A form that there is not is refused with those that there are")
    func unknownForm() async throws {
        try await PGKVMHome.with { home in
            let result = try await home.run("connection", "orders", "--as", "odbc")
            #expect(result.status == 64)
            for form in ["uri", "libpq", "env", "service", "jdbc", "socket", "rust-postgres"] { #expect(result.errorText.contains(form)) }
        }
    }

    @Test("pgkvm psql connects as the appliance says, whatever libpq's environment of the caller is, and with none of it")
    func psqlEnvironment() async throws {
        try await StandInAppliance.with { appliance in
            let command = ["psql", appliance.name, "--"] + Self.query
            for (variable, value) in Self.hostile {
                let result = try await appliance.home.run(command, environment: [variable: value])
                #expect(result.outputText == "app/app/true\n", "\(variable): \(result.errorText)")
            }
            let together = try await appliance.home.run(command, environment: Self.hostile)
            #expect(together.outputText == "app/app/true\n", "\(together.errorText)")
            let kept = ["PG_COLOR": "always", "PSQL_HISTORY": "/dev/null", "PAGER": "cat", "EDITOR": "true", "PGKVM_HOME": appliance.home.path.string]
            let environment = Self.hostile.merging(kept) { _, own in own }.merging(["PGKVM_PROXMOX_TOKEN": "hidden-word"]) { _, own in own }
            let seen = try await ProgramRunner.check(
                "env", environment.map { "\($0.key)=\($0.value)" } + [PGKVMHome.program.string, "psql", appliance.name, "--", "-X", "-c", #"\! env"#]
            ).outputText.split(separator: "\n").map(String.init)
            for (variable, value) in kept { #expect(seen.contains("\(variable)=\(value)")) }
            // psql and Debian's wrapper of it set a few of these names themselves.
            for (variable, value) in Self.hostile { #expect(!seen.contains("\(variable)=\(value)")) }
            #expect(!seen.contains { $0.contains("hidden-word") })
        }
    }

    @Test("psql takes every signal, Ctrl-C among them")
    func signals() async throws {
        try await StandInAppliance.with { appliance in
            let status = try await appliance.home.check(arguments: ["psql", appliance.name, "--", "-X", "-c", #"\! grep SigBlk /proc/self/status"#])
            #expect(status == "SigBlk:\t0000000000000000")
        }
    }

    @Test("pgkvm's own sessions connect whatever libpq's environment of the caller is")
    func ownSessions() async throws {
        struct Report: Decodable {
            struct Finding: Decodable { let check: String, level: String, measured: String }
            let findings: [Finding]
        }
        try await StandInAppliance.with { appliance in
            for environment in [[:], ["PGSERVICE": "nosuch"], ["PGTZ": "Nowhere/At_All"], Self.hostile] {
                let result = try await appliance.home.run(
                    ["verify", appliance.name, "--quick", "--only", "postgresql", "--format", "json"], environment: environment)
                let report = try JSONDecoder().decode(Report.self, from: Data(result.outputText.utf8))
                for check in ["postgresql.connection", "postgresql.version", "postgresql.commit"] {
                    let finding = report.findings.first { $0.check == check }
                    #expect(finding?.level == "pass", "\(check): \(finding?.measured ?? result.errorText)")
                }
            }
        }
    }

    private func psql(_ target: [String], environment: [String: String] = [:]) async throws -> String {
        try await ProgramRunner.check("psql", target + Self.query, environment: environment).outputText
    }
}
