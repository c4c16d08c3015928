import ApplianceModel
import Basics
import HostSystem
import PostgresServer
import SystemPackage
import TestSupport
import Testing

@Suite("What a server says of itself", .enabled(if: PostgresCluster.switchesUser, "needs root, to become the server's user"))
struct ServerCatalogueTests {
    @Test("A catalogue names settings, extensions, libraries, locales and zones, and is the same after it was written and read")
    func content() async throws {
        try await CatalogueServer.with { server in
            let catalogue = server.catalogue
            #expect(catalogue.majorVersion == server.cluster.majorVersion)
            #expect(catalogue.settings.count > 300)
            #expect(catalogue.setting(named: "SHARED_buffers")?.unit == "8kB")
            #expect(catalogue.extensions.contains("pg_trgm"))
            #expect(catalogue.libraries.contains("auto_explain"))
            #expect(catalogue.timeZones.contains("Europe/Zurich"))
            #expect(catalogue.locales.contains("C.utf8"))
            #expect(catalogue.restartSettings.isSuperset(of: ["shared_buffers", "wal_level", "pg_stat_statements.max"]))
            #expect(!catalogue.restartSettings.contains("work_mem"))
            #expect(catalogue.settings.filter(\.isFixed).map(\.name).contains("transaction_isolation"))
            #expect(catalogue.settings.filter { $0.isFixed && $0.context != "internal" }.count < 10)
            let again = try ServerCatalogue(json: catalogue.encoded(), source: "itself")
            #expect(again == catalogue)
        }
    }

    @Test("It says yes and no to names and values as the server does")
    func table() async throws {
        let examples: [(String, String)] = [
            ("shared_buffers", "256mb"), ("work_mem", "64mb"), ("work_mem", "64 MB"), ("work_mem", "64MB "), ("work_mem", "0.25GB"), ("work_mem", "0x400"),
            ("work_mem", "0100"), ("work_mem", "-1"), ("wal_buffers", "-1"), ("wal_buffers", "-2"), ("work_mem", "1e3kB"), ("work_mem", "63"),
            ("work_mem", "64"),
            ("work_mem", "2147483647"), ("work_mem", "2TB"), ("max_connections", "0"), ("max_connections", "100 "), ("max_connections", "100kB"),
            ("max_connections", "2.5"), ("statement_timeout", "0.5s"), ("statement_timeout", "1Min"), ("statement_timeout", "25d"),
            ("deadlock_timeout", "0.4ms"), ("deadlock_timeout", "0.6ms"),
            ("checkpoint_completion_target", "0.9"), ("checkpoint_completion_target", "1.00001"), ("random_page_cost", "1e308"), ("random_page_cost", "inf"),
            ("random_page_cost", "-0.1"), ("vacuum_cost_delay", "2us"), ("vacuum_cost_delay", "0.1s"), ("vacuum_cost_delay", "1min"), ("fsync", "of"),
            ("fsync", "o"), ("fsync", "TR"), ("fsync", "2"), ("fsync", ""), ("jit", "yes"), ("jit", "nope"), ("log_statement", "ALL"), ("log_statement", "dml"),
            ("log_min_messages", "debug"), ("wal_compression", "pglz"), ("wal_compression", "true"), ("wal_compression", "gzip"), ("synchronous_commit", "on"),
            ("synchronous_commit", "remote"), ("block_size", "8192"), ("stats_temp_directory", "/x"), ("work_men", "1MB"), ("datestyle", "ISO, DMY"),
            ("app.tenant", "x"), ("pg_stat_statements.track", "none"),
            ("huge_pages", "try"), ("huge_pages", "tri"), ("wal_level", "logical"), ("wal_level", "logic"), ("timezone", "US/Pacific"),
            ("timezone", "us/pacific"), ("timezone", "EST5EDT"), ("timezone", "UTC+3"), ("timezone", "<+03>-3"), ("timezone", "Asia/Calcuta"),
            ("timezone", "3.5"),
            ("log_timezone", "Mars/Base"), ("timezone", "Foo"), ("timezone", ""), ("autovacuum_work_mem", "-1"), ("temp_file_limit", "1TB"),
            ("max_wal_size", "1GB"), ("max_wal_size", "1"), ("max_wal_size", "16384B"), ("log_rotation_age", "1d"), ("log_rotation_age", "30s"),
        ]
        try await CatalogueServer.with { server in
            let real = try await server.verdicts(examples.map { (name: $0.0, value: $0.1) })
            for (example, verdict) in zip(examples, real) {
                let fault = server.catalogue.fault(ofSetting: example.0, value: example.1)
                #expect((fault == nil) == verdict, "\(example): the server says \(verdict), the catalogue \(fault ?? "yes")")
            }
            // Examples that all went one way would prove little.
            #expect(real.filter { $0 }.count > 20)
            #expect(real.filter { !$0 }.count > 20)
        }
    }

    @Test("It says yes and no to lists of libraries as a session that has to load them")
    func libraries() async throws {
        try await CatalogueServer.with { server in
            for list in [
                "auto_explain", "auto_explain, pg_trgm", " auto_explain\t", "timescaledb", "auto_explain,vector", "auto_explain.so", "AUTO_EXPLAIN", "",
            ] {
                let arguments = ["PGOPTIONS=-c session_preload_libraries=\(list.replacing(" ", with: "\\ ").replacing("\t", with: "\\\t"))", "psql"]
                let place = [
                    "-X", "-h", server.cluster.socketDirectory.string, "-p", String(server.cluster.port), "-U", "postgres", "-c", "SELECT 1", "postgres",
                ]
                let works = try await server.cluster.runAsServer("env", arguments + place).status == 0
                let fault = server.catalogue.fault(ofSetting: "session_preload_libraries", value: list)
                #expect((fault == nil) == works, "'\(list)': the server says \(works), the catalogue \(fault ?? "yes")")
                #expect(server.catalogue.fault(ofSetting: "shared_preload_libraries", value: list) == fault)
            }
        }
    }

    /// Numbers that the server also compares with other settings, or with what the system allows.
    private static let compared: Set<String> = [
        "max_connections", "max_wal_senders", "max_worker_processes", "autovacuum_max_workers", "max_stack_depth", "superuser_reserved_connections",
    ]

    @Test(
        "It says yes and no to generated values as the server does, and of strings never no where the server says yes", arguments: [UInt64(1), 2])
    func generated(seed: UInt64) async throws {
        try await CatalogueServer.with { server in
            var generator = ValueGenerator(seed: seed)
            var pairs: [(name: String, value: String)] = []
            // Of the first `postgres -C` knows nothing; the second makes the whole view fail instead of its row.
            let unjudged: Set<String> = ["pg_stat_statements.max", "default_text_search_config"]
            for setting in server.catalogue.settings where SettingRules.owned[setting.name.lowercased()] == nil && !unjudged.contains(setting.name) {
                for _ in 0..<12 { pairs.append((setting.name, generator.value(for: setting))) }
            }
            let real = try await server.verdicts(pairs)
            var strict = 0
            for (pair, verdict) in zip(pairs, real) {
                let setting = try #require(server.catalogue.setting(named: pair.name))
                let fault = server.catalogue.fault(ofSetting: pair.name, value: pair.value)
                if setting.type == .string || Self.compared.contains(setting.name), fault == nil { continue }
                // The server checks only what it needs of those that a file must not hold.
                if setting.isFixed, fault != nil { continue }
                // Loading is another matter than reading the list.
                if setting.name.hasSuffix("_preload_libraries") { continue }
                strict += 1
                #expect((fault == nil) == verdict, "\(pair): the server says \(verdict), the catalogue \(fault ?? "yes")")
            }
            #expect(strict > 2_000)
            #expect(real.filter { $0 }.count > 500)
        }
    }
}

@Suite("What a spec asks of a server that it does not have")
struct CatalogueFaultTests {
    private static let catalogue: ServerCatalogue = {
        func setting(_ name: String, _ kind: String, _ more: String) -> String {
            #"{"name": "\#(name)", "type": "\#(kind)", "context": "user", "isFixed": false, "bootValue": null\#(more)}"#
        }
        let json = """
            {"formatVersion": 1, "majorVersion": 17, "readsBinaryIntegers": true, "extensions": ["pg_trgm", "hstore", "plpgsql"],
             "packages": ["postgresql-17-pgvector", "postgresql-17-postgis-3", "postgresql-17-postgis-3-scripts", "postgresql-17-cron", "postgresql-17-age",
                          "postgresql-plpython3-17", "postgresql-17-partman"],
             "libraries": ["pg_stat_statements", "auto_explain"], "localeSources": ["de_CH", "de_DE", "de_DE@euro", "en_US", "en_IN", "sr_RS@latin"],
             "charmaps": ["UTF-8", "ISO-8859-1"], "unicodeLocales": ["en_IN"], "locales": ["C", "C.utf8", "POSIX"],
             "timeZones": ["Europe/Zurich", "US/Pacific", "Asia/Kolkata", "Etc/UTC"],
             "settings": [\(setting("work_mem", "integer", #", "unit": "kB", "minimum": "64", "maximum": "2147483647""#)),
                          \(setting("wal_level", "enum", #", "words": ["minimal", "replica", "logical"], "furtherWords": ["archive"]"#)),
                          \(setting("DateStyle", "string", "")), \(setting("lc_time", "string", "")), \(setting("shared_preload_libraries", "string", ""))]}
            """
        do { return try ServerCatalogue(json: Array(json.utf8), source: "a test") } catch { fatalError("\(error)") }
    }()

    private func faults(_ change: (inout ApplianceSpec.PostgreSQL) -> Void) -> [SpecFault] {
        var server = ApplianceSpec.PostgreSQL()
        change(&server)
        return Self.catalogue.faults(in: server)
    }

    @Test("A spec without wishes has no faults, and another major version is not judged")
    func none() {
        #expect(faults { _ in }.isEmpty)
        #expect(faults { ($0.version, $0.settings) = (16, ["no_such": "1"]) }.isEmpty)
        #expect(faults { ($0.version, $0.settings) = (17, ["no_such": "1"]) }.count == 1)
    }

    @Test("A setting is named with its path, its value and what is allowed")
    func settings() {
        let found = faults {
            $0.settings = ["work_mem": "256mb", "work_men": "1MB", "wal_level": "replika", "datestyle": "ISO", "shared_preload_libraries": "pg_cron"]
        }
        #expect(found.map(\.path) == ["shared_preload_libraries", "wal_level", "work_mem", "work_men"].map { "postgresql.settings.\($0)" })
        #expect(found[0].message == "there is no library 'pg_cron' in the image; Debian's package postgresql-17-cron may bring it")
        #expect(found[1].message == "'replika' is not a value of 'wal_level'; it takes minimal, replica and logical; did you mean 'replica'?")
        #expect(
            found[2].message
                == "'256mb' is not a value of 'work_mem': its units are TB, GB, MB, kB and B, and upper and lower case make a difference; did you mean 'MB'?")
        #expect(found[3].message == "'work_men' is not a setting of PostgreSQL 17; did you mean 'work_mem'?")
    }

    @Test(
        "An extension that is not there is refused with a guess and the package that may bring it",
        arguments: [
            ("pgvector", "package postgresql-17-pgvector may bring it, with an extension called 'vector'"),
            ("vector", "package postgresql-17-pgvector may bring it:"),
            ("postgis", "package postgresql-17-postgis-3 may"), ("pg_cron", "package postgresql-17-cron may"), ("age", "package postgresql-17-age may"),
            ("pg_partman", "package postgresql-17-partman may"), ("plpython3u", "package postgresql-plpython3-17 may"), ("pg_trgrm", "did you mean 'pg_trgm'?"),
            ("hstor", "did you mean 'hstore'?"),
        ])
    func extensions(name: String, part: String) {
        let found = faults { $0.databases = [.init(name: "app", owner: "app", extensions: ["pg_trgm", name])] }
        #expect(found.map(\.path) == ["postgresql.databases[0].extensions[1]"])
        #expect(found.first?.message.contains(part) == true, "\(found)")
    }

    @Test("An extension that no package speaks of is refused without a guess")
    func unknownExtension() {
        let found = faults { $0.databases = [.init(name: "app", owner: "app", extensions: ["timescaledb"])] }
        #expect(found.first?.message == "extension 'timescaledb' is not in the image")
    }

    @Test(
        "A locale that is there or can be made is taken in every spelling that glibc takes",
        arguments: [
            "C", "POSIX", "C.UTF-8", "C.utf8", "de_CH.UTF-8", "de_CH.utf8", "en_US.UTF8", "en_US.utf-8", "sr_RS.UTF-8@latin", "de_DE.UTF-8@euro", "en_IN",
        ])
    func locales(name: String) { #expect(Self.catalogue.localeFault(name) == nil) }

    @Test(
        "A locale that cannot be made, or is not UTF-8, is refused",
        arguments: [
            ("de_CX.UTF-8", "did you mean 'de_CH.UTF-8'?"), ("xx_YY.UTF-8", "has or can make"), ("de_CH.ISO-8859-1", "write 'de_CH.UTF-8'"),
            ("en_US", "write 'en_US.UTF-8'"), ("sr_RS.UTF-8@latn", "did you mean 'sr_RS.UTF-8@latin'?"), ("de_CH.", "write 'de_CH.UTF-8'"),
            ("", "has or can make"),
            ("C.UTF-8@euro", "has or can make"), ("de_CH.88591", "write 'de_CH.UTF-8'"),
        ])
    func badLocales(name: String, part: String) {
        let fault = Self.catalogue.localeFault(name)
        #expect(fault?.contains(part) == true, "\(fault ?? "none")")
    }

    @Test("A time zone that the server does not know is refused with the nearest one")
    func zones() {
        #expect(faults { $0.timeZone = "us/pacific" }.isEmpty)
        #expect(faults { $0.timeZone = "Asia/Calcutta" }.map(\.path) == ["postgresql.timeZone"])
        #expect(Self.catalogue.timeZoneFault("Europe/Zürich") == "'Europe/Zürich' is not a time zone that the server knows; did you mean 'Europe/Zurich'?")
    }

    @Test(
        "A file that is not a catalogue is refused",
        arguments: ["", "[]", "{}", #"{"formatVersion": 1}"#, #"{"formatVersion": 0}"#, "\u{0}", String(repeating: "[", count: 100_000)])
    func damaged(text: String) {
        #expect { try ServerCatalogue(json: Array(text.utf8), source: "x") } throws: { error in
            (error as? Failure)?.code == .catalogueUnreadable || (error as? Failure)?.code == .invalidInput
        }
    }

    @Test("A newer format is refused as one")
    func newer() {
        #expect { try ServerCatalogue(json: Array(#"{"formatVersion": 2}"#.utf8), source: "x") } throws: { ($0 as? Failure)?.code == .newerFormat }
    }
}
