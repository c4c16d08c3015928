import ApplianceModel
import Basics
import HostSystem
import SecureShell
import TestSupport
import Testing

@testable import Probes
@testable import Verification

@Suite("What pgbench prints")
struct PgbenchReportTests {
    /// Of pgbench 15 on a real server.
    static let recorded = """
        pgbench (15.20 (Debian 15.20-0+deb12u1))
        transaction type: <builtin: TPC-B (sort of)>
        scaling factor: 1
        query mode: simple
        number of clients: 1
        number of threads: 1
        maximum number of tries: 1
        duration: 1 s
        number of transactions actually processed: 2451
        number of failed transactions: 0 (0.000%)
        latency average = 0.407 ms
        initial connection time = 2.128 ms
        tps = 2455.427135 (without initial connection time)

        """

    @Test("A whole report gives transactions a second")
    func whole() throws {
        let report = try PgbenchReport(Self.recorded, seconds: 1)
        #expect(report.transactionsPerSecond == 2455.427135)
        #expect(report.transactions == 2451)
    }

    @Test("A report that is cut off anywhere before its last figure is refused")
    func truncated() {
        let lines = Self.recorded.split(separator: "\n")
        for count in 0..<lines.count {
            #expect(throws: PgbenchReport.Damage.self) { try PgbenchReport(lines[..<count].joined(separator: "\n"), seconds: 1) }
        }
    }

    @Test(
        "A report that contradicts itself or the question is refused",
        arguments: [
            ("duration: 1 s", "duration: 2 s"), ("processed: 2451", "processed: 0"), ("processed: 2451", "processed: 24510"),
            ("failed transactions: 0", "failed transactions: 3"),
            ("tps = 2455", "tps = x"), ("tps = 2455.427135", "tps = inf"), ("tps = 2455.427135", "tps = -1"), ("tps = 2455.427135", "tps = nan"),
        ])
    func damaged(from: String, to: String) {
        #expect(throws: PgbenchReport.Damage.self) { try PgbenchReport(Self.recorded.replacing(from, with: to), seconds: 1) }
    }

    @Test("An error of pgbench's is told")
    func failed() {
        #expect(throws: PgbenchReport.Damage(description: "pgbench did not finish: pgbench: error: could not create connection for setup")) {
            try PgbenchReport("pgbench: error: connection failed\npgbench: error: could not create connection for setup\n", seconds: 1)
        }
    }

    @Test("A nearly full disk is spared", arguments: [("3", true), ("90", true), ("91", false), ("", false), ("many", false)])
    func fullDisk(used: String, isMeasured: Bool) {
        let finding = PgbenchChecks.fullDisk(usedPercent: used)
        #expect((finding == nil) == isMeasured)
        #expect(finding.map { $0.level == .skip && $0.remedy != nil } ?? true)
    }

    @Test("Each kind's median counts, and a missing run is noticed")
    func medians() throws {
        let section = { (kind: String, tps: String) in "== \(kind)\n" + Self.recorded.replacing("2455.427135", with: tps) }
        let output = section("select-only", "2400") + section("tpcb-like", "2300") + section("select-only", "2500") + section("tpcb-like", "2350")
        let results = try PgbenchChecks.Results(output, seconds: 1, rounds: 2)
        #expect(results.selectOnly == 2450)
        #expect(results.tpcbLike == 2325)
        #expect(throws: PgbenchReport.Damage.self) { try PgbenchChecks.Results(output, seconds: 1, rounds: 3) }
        #expect(throws: PgbenchReport.Damage.self) { try PgbenchChecks.Results("", seconds: 1, rounds: 1) }
    }
}

@Suite(
    "pgbench on a real server", .enabled(if: PostgresCluster.switchesUser, "needs root, to become the server's user"), .verifiedServer, .serialized)
struct PgbenchRunTests {
    let server: VerifiedServer

    init() throws { server = try #require(VerifiedServer.current) }

    private func schemas() async throws -> String {
        try await server.cluster.psql("SELECT nspname FROM pg_namespace WHERE nspname LIKE 'pgkvm%';", database: "pgkvm")
    }

    @Test("Both kinds are measured, and nothing stays: not what this run made, nor what a killed one left")
    func measured() async throws {
        try await server.cluster.psql("CREATE SCHEMA pgkvm_bench;\nCREATE TABLE pgkvm_bench.pgbench_accounts (left_by_a_killed_run int);", database: "pgkvm")
        let results = try PgbenchChecks.Results(await PgbenchChecks.output(server.target(), seconds: 1, rounds: 1), seconds: 1, rounds: 1)
        #expect(results.selectOnly > 0)
        #expect(results.tpcbLike > 0)
        #expect(try await schemas() == "")
    }

    @Test("A connection that breaks in the midst leaves nothing behind either")
    func broken() async throws {
        let script = String(decoding: try await script(), as: UTF8.self)
        let place = ["PGHOST=\(server.cluster.socketDirectory)", "PGPORT=\(server.cluster.port)", "PGUSER=postgres", "HOME=\(server.cluster.directory)"]
        // The reader goes away after the first line.
        let result = try await server.cluster.runAsServer("env", place + ["sh", "-c", "sh -c \"$1\" | head -n 1", "sh", script])
        #expect(result.outputText == "== select-only\n")
        #expect(try await schemas() == "")
    }

    /// What is sent to the guest.
    private func script() async throws -> [UInt8] {
        let shell = ScriptedShell(["sh": .init(status: 0)])
        let own = try server.target()
        let target = VerificationTarget(
            spec: own.spec, accelerator: own.accelerator, postgresqlVersion: own.postgresqlVersion, shell: shell, backend: own.backend, machine: own.machine,
            connect: own.connect, parameters: own.parameters, restart: own.restart, settings: [:], certificateDaysLeft: nil,
            measurementLock: own.measurementLock)
        _ = try await PgbenchChecks.output(target, seconds: 1, rounds: 1)
        return try #require(shell.inputs.first)
    }
}
