import ApplianceModel
import Basics
import PostgresServer
import TestSupport
import Testing

@Suite("The script for roles and databases")
struct DatabaseSetupTests {
    @Test("The script is as committed")
    func golden() throws {
        let setup = DatabaseSetup(
            version: 17, roles: [.init(name: "app"), .init(name: nastyName, memberOf: ["app", "pg_read_all_data"])],
            databases: [.init(name: "shop", owner: "app", extensions: ["pg_trgm", "uuid-ossp"]), .init(name: nastyName, owner: nastyName)],
            verifiers: ["pgkvm": "SCRAM-SHA-256$4096:own", "app": "SCRAM-SHA-256$4096:app"])
        try setup.script().withRevealed { try Golden.expect($0, "PostgresServer/setup.sql") }
    }

    @Test("Every fault is named at once")
    func allFaults() {
        let setup = DatabaseSetup(
            version: 17,
            roles: [
                .init(name: "postgres"), .init(name: "pg_mine"), .init(name: ""), .init(name: "a\nb"), .init(name: "x", memberOf: ["postgres", "nobody"]),
                .init(name: "x"),
            ],
            databases: [
                .init(name: "pgkvm", owner: "x"), .init(name: "template1", owner: "x"), .init(name: "db", owner: "missing"),
                .init(name: "db", owner: "x"),
                .init(name: String(repeating: "d", count: 64), owner: "x", extensions: ["", "ok"]),
            ], verifiers: [:])
        let failure = #expect(throws: Failure.self) { try setup.script() }
        #expect(failure?.code == .invalidInput)
        #expect(failure?.message == setup.faults.joined(separator: "\n"))
        for part in [
            "role 'postgres'", "role 'pg_mine'", "is empty", "contains a newline", "member of 'postgres'", "member of 'nobody'", "role 'x' is listed twice",
            "database 'pgkvm'", "database 'template1'", "belong to 'missing'", "database 'db' is listed twice", "longer than 63 bytes", "extension ''",
        ] {
            #expect(setup.faults.contains { $0.contains(part) }, "\(part)")
        }
    }

    @Test("The script does not print")
    func secret() throws {
        let script = try DatabaseSetup(version: 17, roles: [], databases: [], verifiers: ["pgkvm": "SCRAM-SHA-256$hidden"]).script()
        #expect(!"\(script)".contains("hidden"))
    }
}
