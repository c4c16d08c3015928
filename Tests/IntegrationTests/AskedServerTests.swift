import ApplianceModel
import FoundationEssentials
import HostSystem
import Quoting
import SystemPackage
import TestSupport
import Testing

extension GuestTests {
    /// A running appliance, asked for what its server would not take, and for what only looks like that.
    @Suite("Asked server", .serialized)
    struct AskedServerTests {
        private let settings = "  settings:\n"

        /// The shared guest with its spec file, and what must not change while something is refused.
        private struct Subject {
            let guest: Guest
            let file: FilePath
            let spec: String

            init() async throws {
                guest = try await Guests.undisturbed().guest
                spec = SharedSpec.text(name: guest.name)
                file = guest.home.path.appending("asked.yaml")
            }

            /// Runs deploy with the shared spec, changed.
            func deploy(_ changes: [(String, String)], _ options: [String] = []) async throws -> ProgramResult {
                var text = spec
                for (part, other) in changes {
                    try #require(text.contains(part), "\(part)")
                    text = text.replacing(part, with: other, maxReplacements: 1)
                }
                try Files.write(text, to: file)
                return try await guest.home.run(["deploy", file.string] + options)
            }

            func state() async throws -> [String] {
                let server = try await guest.query("SELECT pg_postmaster_start_time()")
                let files = try await guest.root("cd /etc/postgresql/17/main && sha256sum $(find . -type f | sort) && ls /var/lib/pgkvm 2>/dev/null || true")
                let spec = try Files.readText(guest.directory.appending("spec.yaml"))
                return [server, files, spec, "\(Files.exists(guest.directory.appending("wanted.yaml")))"]
            }
        }

        /// Part of the shared spec, what stands in its place, and words of the refusal.
        static let refused: [(part: String, other: String, words: String)] = [
            ("  settings:\n", "  settings:\n    shared_buffers: 256mb\n", "Valid units"),
            ("  settings:\n", "  settings:\n    work_mem: 64mb\n", "postgresql.settings.work_mem: '64mb'"),
            ("  settings:\n", "  settings:\n    stats_temp_directory: /x\n", "unrecognized configuration parameter"),
            ("  settings:\n", "  settings:\n    shared_preload_libraries: pg_stat_statements,timescaledb\n", "could not access file"),
            ("  settings:\n", "  settings:\n    session_preload_libraries: nosuch\n", "could not access file"),
            ("  settings:\n", "  settings:\n    synchronous_standby_names: '*'\n", "wait for ever"),
            ("  settings:\n", "  settings:\n    max_wal_senders: 10\n    wal_level: logical\n    max_replication_slots: -1\n", "max_replication_slots"),
            ("  settings:\n", "  timeZone: Mars/Olympus\n  settings:\n", "postgresql.timeZone"),
            ("extensions: [pg_trgm, hstore]", "extensions: [pg_trgm, hstore, pgvector]", "extension \"pgvector\" is not available"),
            ("memberOf: [pg_read_all_data, app]", "memberOf: [pg_read_all_data, app, pg_signal_autovacuum_worker]", "has no role"),
        ]

        @Test("What the server would not take is refused with its words, and nothing has changed")
        func refuses() async throws {
            let subject = try await Subject()
            let before = try await subject.state()
            for (part, other, words) in Self.refused {
                let result = try await Stage.run("refuse \(words)") { try await subject.deploy([(part, other)], ["--restart"]) }
                #expect(result.status == 1, "\(other)")
                #expect(result.errorText.contains("error[spec.refused]"), "\(result.errorText)")
                #expect(result.errorText.contains(words), "\(result.errorText)")
                #expect(result.errorText.contains("\(subject.file):"), "no line of the spec: \(result.errorText)")
            }
            let plan = try await subject.guest.home.check("plan", subject.file.string, "--brief")
            #expect(plan.contains("it would be refused"))
            #expect(try await subject.state() == before)
            let same = try await subject.deploy([])
            #expect(same.status == 0 && same.outputText.contains("nothing was changed"), "\(same.errorText)")
        }

        @Test("Values that the server resolves itself and defaults of sessions are taken without a restart, and are verified")
        func takes() async throws {
            let subject = try await Subject()
            let before = try await subject.guest.query("SELECT pg_postmaster_start_time()")
            let odd = """
                  settings:
                    wal_buffers: -1
                    subtransaction_buffers: 0
                    work_mem: 1.5MB
                    search_path: nosuch
                    default_transaction_read_only: "on"
                    statement_timeout: 1h
                    datestyle: German, DMY
                    client_encoding: LATIN1
                    default_transaction_isolation: serializable

                """
            let result = try await Stage.run("take odd settings") { try await subject.deploy([("  settings:\n", odd)]) }
            #expect(result.status == 0, "\(result.errorText)")
            let connection = try await subject.guest.home.check("connection", subject.guest.name, "--database", "plain")
            let shown = try await subject.guest.psql(connection, "SELECT current_setting('default_transaction_read_only'), current_setting('work_mem')")
            #expect(shown.outputText == "on|1536kB\n")
            let back = try await subject.deploy([])
            #expect(back.status == 0, "\(back.errorText)")
            #expect(try await subject.guest.query("SELECT pg_postmaster_start_time()") == before)
        }

        @Test("A change that fails its checks is taken back, the former configuration is verified, and the former spec is deployed again")
        func takenBack() async throws {
            let subject = try await Subject()
            let before = try await subject.state()
            let changes = [
                ("  settings:\n", "  settings:\n    fsync: \"off\"\n"), ("    - name: plain\n", "    - name: second\n      owner: app\n    - name: plain\n"),
            ]
            let result = try await Stage.run("take back") { try await subject.deploy(changes) }
            #expect(result.status == 1)
            #expect(result.errorText.contains("error[change.taken-back]"), "\(result.errorText)")
            #expect(result.errorText.contains("postgresql.durability-settings"), "\(result.errorText)")
            #expect(try await subject.guest.query("SHOW fsync") == "on")
            #expect(try await subject.guest.query("SELECT count(*) FROM pg_database WHERE datname = 'second'") == "0")
            #expect(try await subject.state().prefix(3) == before.prefix(3))
            let list = try await subject.guest.home.check("list")
            #expect(list.contains("change not made") && list.contains("accepting"), "\(list)")
            #expect(try await subject.guest.home.check("status", subject.guest.name).contains("did not come true"))
            let back = try await subject.deploy([])
            #expect(back.status == 0, "\(back.errorText)")
            #expect(try await subject.state() == before)
        }

        @Test("Lines that an administrator added are shown by verify, and go only after leave")
        func editedByHand() async throws {
            let subject = try await Subject()
            let line = "hostssl all all 192.0.2.0/24 scram-sha-256"
            try await subject.guest.root("echo '\(line)' >>/etc/postgresql/17/main/pg_hba.conf")
            let finding = try await subject.guest.verify().first { $0.check == "postgresql.access-file" }
            #expect(finding?.level == .warn && finding?.measured.contains(line) == true, "\(String(describing: finding))")
            let change = [("  settings:\n", "  settings:\n    work_mem: 7MB\n")]
            let refused = try await subject.deploy(change)
            #expect(refused.status == 1 && refused.errorText.contains("error[server.edited]") && refused.errorText.contains(line), "\(refused.errorText)")
            #expect(try await subject.guest.query("SHOW work_mem") != "7MB")
            #expect(try await subject.deploy(change, ["--overwrite"]).status == 0)
            #expect(try await subject.deploy([]).status == 0)
            #expect(try await subject.guest.verify().first { $0.check == "postgresql.access-file" }?.level == .pass)
        }

        @Test("A trial that is killed leaves neither server nor files, and the next one judges")
        func killedTrial() async throws {
            let subject = try await Subject()
            let before = try await subject.state()
            async let killed = subject.deploy([("  settings:\n", "  settings:\n    work_mem: 7MB\n")])
            try await subject.guest.root(
                """
                until systemctl is-active --quiet pgkvm-judgement.service; do sleep 0.1; done
                sleep 0.5
                systemctl kill --signal=KILL pgkvm-judgement.service
                """)
            let result = try await killed
            #expect(result.status == 1 && result.errorText.contains("error[server.not-judged]"), "\(result.errorText)")
            #expect(try await subject.guest.root("ls -d /run/pgkvm-judgement 2>/dev/null || true; ps -C postgres -o args= | grep '[j]udgement' || true") == "")
            #expect(try await subject.state() == before)
            #expect(try await subject.deploy([]).status == 0)
        }
    }
}
