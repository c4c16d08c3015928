import ApplianceModel
import Basics
import FoundationEssentials
import PostgresClient
import Testing

@testable import Verification

@Suite("Rules for what the server and the guest say")
struct ServerRulesTests {
    private static func durability(_ settings: [String: String], _ overrides: String = "[]") throws -> Finding {
        let object = settings.map { #""\#($0.key)": "\#($0.value)""# }.joined(separator: ", ")
        let text = "{\"settings\": {\(object)}, \"overrides\": \(overrides)}"
        return DurabilitySettingsChecks.judge(try JSONDecoder().decode(DurabilitySettingsChecks.Answer.self, from: Data(text.utf8)))
    }

    private static let durable = ["fsync": "on", "full_page_writes": "on", "synchronous_commit": "on", "wal_sync_method": "fdatasync"]

    @Test(
        "fsync and full_page_writes must be on; synchronous_commit off is a warning, its other values are not",
        arguments: [
            ("fsync", "on", .pass), ("fsync", "off", .fail), ("full_page_writes", "off", .fail), ("synchronous_commit", "off", .warn),
            ("synchronous_commit", "local", .pass), ("synchronous_commit", "remote_apply", .pass), ("wal_sync_method", "open_datasync", .pass),
        ] as [(String, String, Finding.Level)])
    func durability(name: String, value: String, level: Finding.Level) throws {
        let finding = try Self.durability(Self.durable.merging([name: value]) { $1 })
        #expect(finding.level == level)
        #expect((finding.remedy == nil) == (level == .pass))
        #expect(finding.measured.contains(value))
    }

    @Test("A setting that the server does not name is a failure", arguments: ["fsync", "full_page_writes", "synchronous_commit"])
    func unknown(name: String) throws {
        var settings = Self.durable
        settings[name] = nil
        #expect(try Self.durability(settings).level == .fail)
    }

    @Test("A role's own value counts in each of its spellings", arguments: ["off", "OFF", "false", "no", "0"])
    func overrides(value: String) throws {
        let finding = try Self.durability(
            Self.durable, #"[{"role": "app", "database": null, "value": "\#(value)"}, {"role": null, "database": "x", "value": "on"}]"#)
        #expect(finding.level == .warn)
        #expect(finding.measured.hasSuffix("off for role app"))
    }

    private static let report = [
        "data_directory": "/var/lib/postgresql/17/main", "data_device": "/dev/vdb", "wal_directory": "/var/lib/postgresql/17/main/pg_wal",
        "wal_device": "/dev/vdb", "log_directory": "/var/log/postgresql", "log_device": "/dev/vda2", "system_device": "/dev/vda2", "data_disk": "/dev/vdb",
        "huge_pages": "try", "huge_pages_status": "off", "huge_pages_reserved": "0", "huge_mappings": "0",
    ]

    private static func guestReport(_ changes: [String: String] = [:]) -> GuestReport {
        GuestReport(report.merging(changes) { $1 }.map { "\($0.key)=\($0.value)" }.joined(separator: "\n"))
    }

    private static func placement(_ changes: [String: String] = [:], asked: [String: String] = ["log_directory": "/var/log/postgresql"]) -> Finding {
        PlacementChecks.placement(guestReport(changes), version: 17, asked: asked)
    }

    @Test("Files where the plan put them pass")
    func placed() {
        #expect(Self.placement().level == .pass)
        let below = ["log_directory": "/var/lib/postgresql/17/main/log", "log_device": "/dev/vdb"]
        #expect(Self.placement(below, asked: ["log_directory": "log"]).level == .pass)
        #expect(Self.placement(["log_directory": "", "log_device": ""], asked: ["log_directory": "/x", "logging_collector": "off"]).level == .pass)
    }

    @Test(
        "Each file elsewhere is named",
        arguments: [
            (["data_directory": "/srv/main"], "data in /srv/main"), (["data_device": "/dev/vda2"], "data in"), (["data_device": ""], "on an unknown place"),
            (["wal_directory": "/mnt/wal"], "WAL in /mnt/wal"), (["wal_device": "/dev/vdc"], "WAL in"), (["log_directory": "/tmp"], "log in /tmp"),
            (["data_directory": ""], "did not say"), (["log_device": "/dev/vdb"], "log in"), (["log_directory": ""], "log in an unknown place"),
            (["data_disk": ""], "data in"),
            (["data_disk": "", "data_device": "", "wal_device": ""], "data in"),
        ])
    func misplaced(changes: [String: String], says: String) {
        let finding = Self.placement(changes)
        #expect(finding.level == .fail)
        #expect(finding.measured.contains(says), "\(finding.measured)")
        #expect(finding.remedy != nil)
    }

    @Test(
        "Huge pages that were asked for and are not in force are a failure, reserved ones that nobody uses a warning",
        arguments: [
            ("try", [:], .pass), ("off", [:], .pass), ("on", [:], .fail), ("try", ["huge_pages_reserved": "200"], .warn),
            ("off", ["huge_pages_reserved": "200"], .pass),
            ("on", ["huge_pages_status": "on"], .pass), ("try", ["huge_pages_status": "on", "huge_pages_reserved": "200"], .pass),
            // Before 17 there is no status: the postmaster's mappings tell.
            ("on", ["huge_pages_status": "", "huge_mappings": "1"], .pass), ("on", ["huge_pages_status": "", "huge_mappings": "0"], .fail),
            // The server's word goes first.
            ("on", ["huge_pages_status": "off", "huge_mappings": "1"], .fail),
            ("try", ["huge_pages_reserved": ""], .fail), ("try", ["huge_mappings": ""], .fail),
        ] as [(String, [String: String], Finding.Level)])
    func hugePages(asked: String, changes: [String: String], level: Finding.Level) {
        let finding = PlacementChecks.hugePages(Self.guestReport(changes), asked: asked, areReserved: false)
        #expect(finding.level == level)
        #expect((finding.remedy == nil) == (level == .pass))
    }

    @Test(
        "Where the guest is to reserve them, a server without them is a warning, and a restart its remedy",
        arguments: [
            ("try", [:], .warn), ("try", ["huge_pages_reserved": "200"], .warn), ("on", [:], .fail),
            ("try", ["huge_pages_status": "on", "huge_pages_reserved": "200"], .pass), ("try", ["huge_pages_status": "", "huge_mappings": "1"], .pass),
        ] as [(String, [String: String], Finding.Level)])
    func reservedHugePages(asked: String, changes: [String: String], level: Finding.Level) {
        let finding = PlacementChecks.hugePages(Self.guestReport(changes), asked: asked, areReserved: true)
        #expect(finding.level == level)
        #expect((finding.remedy?.contains("pgkvm restart") == true) == (level != .pass))
    }

    private static func database(_ name: String, provider: String = "b", locale: String? = "C.UTF-8", encoding: String = "UTF8") -> LocaleChecks.Database {
        .init(name: name, encoding: encoding, collate: "C.UTF-8", characterType: "C.UTF-8", provider: provider, locale: locale)
    }

    @Test("A database is held against the provider that its version takes for the locale")
    func locale() throws {
        let spec = ApplianceSpec(name: try #require(ApplianceName("orders")))
        func level(_ app: LocaleChecks.Database, version: Int, locale: String = "C.UTF-8") -> Finding.Level {
            var spec = spec
            spec.postgresql.locale = locale
            let others = ["template1", "pgkvm"].map { app.provider == "b" ? Self.database($0) : Self.database($0, provider: "c", locale: nil) }
            return LocaleChecks.judge(others + [app], spec, version: version).level
        }
        #expect(level(Self.database("app"), version: 17) == .pass)
        #expect(level(Self.database("app", provider: "c", locale: nil), version: 15) == .pass)
        #expect(level(Self.database("app", provider: "c", locale: nil), version: 15, locale: "C.utf8") == .pass)
        #expect(level(Self.database("app", provider: "c", locale: nil), version: 17) == .fail)
        #expect(level(Self.database("app", locale: "C"), version: 17) == .fail)
        #expect(level(Self.database("app", encoding: "LATIN1"), version: 17) == .fail)
        #expect(level(Self.database("other"), version: 17) == .fail)
        #expect(level(Self.database("app", provider: "c", locale: nil), version: 15, locale: "de_DE.UTF-8") == .fail)
    }

    @Test("Passwords must be there, and all SCRAM")
    func passwords() {
        #expect(PasswordChecks.judge([]).level == .fail)
        #expect(PasswordChecks.judge([.init(name: "app", kind: "scram")]).level == .pass)
        let finding = PasswordChecks.judge([.init(name: "app", kind: "scram"), .init(name: "a", kind: "md5"), .init(name: "b", kind: "other")])
        #expect(finding.level == .fail)
        #expect(finding.measured == "a: MD5; b: neither SCRAM nor MD5")
    }

    private static let door = Door("plaintext", .server("28000")) { $0.sslMode = .disable }

    @Test(
        "A door counts as shut only when the right one refused",
        arguments: [
            (.refused(sqlState: "28000", message: "no entry"), .pass), (.opened, .fail), (.refused(sqlState: "28P01", message: "password"), .fail),
            (.refused(sqlState: nil, message: "Connection refused"), .fail), (.refused(sqlState: "53300", message: "too many"), .skip),
            (.refused(sqlState: "57P03", message: "starting up"), .skip),
        ] as [(Door.Outcome, Finding.Level)])
    func doors(outcome: Door.Outcome, level: Finding.Level) {
        var report = DoorReport()
        report.add(Self.door, outcome)
        let finding = report.finding(check: "postgresql.doors", expected: "", remedy: "shut it")
        #expect(finding.level == level)
        #expect(finding.measured.contains("plaintext"))
        #expect((finding.remedy == nil) == (level == .pass))
    }

    @Test("An open door is told although others could not be tried; no attempt at all is a failure")
    func mixedDoors() {
        var report = DoorReport()
        #expect(report.finding(check: "postgresql.doors", expected: "", remedy: "").level == .fail)
        report.add(Self.door, .refused(sqlState: "53300", message: "too many"))
        report.add(Self.door, .opened)
        let finding = report.finding(check: "postgresql.doors", expected: "", remedy: "")
        #expect(finding.level == .fail)
        #expect(finding.measured == "plaintext: let in")
    }

    @Test("A server that nobody reaches is told once, not once for each door")
    func unreachable() {
        var report = DoorReport()
        let refusal = Door.Outcome.refused(
            sqlState: nil, message: "connection to server at \"127.0.0.1\", port 1 failed: Connection refused; \tIs the server running?")
        for _ in 0..<3 { report.add(Self.door, refusal) }
        let finding = report.finding(check: "postgresql.doors", expected: "", remedy: "")
        #expect(finding.level == .fail)
        #expect(finding.measured == "none of 3 attempts got as far as a refusal: Connection refused")
        report.add(Self.door, .refused(sqlState: "28000", message: "no entry"))
        #expect(report.finding(check: "postgresql.doors", expected: "", remedy: "").measured.hasPrefix("plaintext: refused by 'Connection refused' instead of"))
    }

    @Test("libpq's own refusals are told apart by their text")
    func client() {
        let door = Door("another CA", .client("certificate verify failed")) { _ in }
        for (message, level) in [("SSL error: certificate verify failed", Finding.Level.pass), ("server does not support SSL", .fail)] {
            var report = DoorReport()
            report.add(door, .refused(sqlState: nil, message: message))
            #expect(report.finding(check: "postgresql.doors", expected: "", remedy: "").level == level)
        }
        var report = DoorReport()
        report.add(door, .refused(sqlState: "28000", message: "certificate verify failed"))
        #expect(report.finding(check: "postgresql.doors", expected: "", remedy: "").level == .fail)
    }
}
