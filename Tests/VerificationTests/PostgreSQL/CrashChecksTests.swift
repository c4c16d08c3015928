import ApplianceModel
import HostSystem
import Reports
import Synchronization
import SystemPackage
import TestSupport
import Testing

@testable import Verification

@Suite(
    "A committed row and a crash", .enabled(if: PostgresCluster.switchesUser, "needs root, to become the server's user"), .verifiedServer, .serialized)
struct CrashChecksTests {
    let server: VerifiedServer
    var cluster: PostgresCluster { server.cluster }

    init() throws { server = try #require(VerifiedServer.current) }

    /// What the guest's script does, without a guest's systemd.
    private func crash() async throws -> String {
        let file = cluster.dataDirectory.appending("postmaster.pid")
        func postmaster() throws -> Int32 { try #require(Int32(try Files.readText(file).prefix { $0 != "\n" })) }
        let old = try postmaster()
        try ProcessTable.kill(old)
        let clock = ContinuousClock()
        // Refused as long as children of the old server live.
        let isUp = try await poll(every: .milliseconds(50), until: clock.now + .seconds(600), on: clock) { () -> Bool? in
            (try? await cluster.start()) != nil ? true : nil
        }
        try #require(isUp == true)
        return "milliseconds=700\nkilled=\(old)\nrunning=\(try postmaster())\nstarts=1\n"
    }

    @Test("A row that is committed over one connection comes back over another, unless something takes it away in between")
    func roundTrip() async throws {
        let target = try server.target()
        #expect(try await CommitProbe.roundTrip(target.connect))
        let connections = Mutex(0)
        let survived = try await CommitProbe.roundTrip {
            if connections.withLock({
                $0 += 1; return $0
            }) == 2 {
                try await cluster.psql("DELETE FROM commit_probe", database: "pgkvm")
            }
            return try await target.connect()
        }
        #expect(!survived)
    }

    @Test("A row that was flushed survives the postmaster's death")
    func flushed() async throws {
        let (findings, _) = try await server.findings(CrashChecks.group, target: server.target(asRoot: { _ in try await crash() }))
        #expect(findings.map(\.level) == [.pass], "\(findings)")
        #expect(findings.first?.measured.contains("was started again") == true)
    }

    @Test("A row that was not flushed is lost, and that is a failure")
    func notFlushed() async throws {
        let target = try server.target(asRoot: { _ in try await crash() })
        _ = try await CommitProbe.write(target)
        try await cluster.psql("ALTER SYSTEM SET synchronous_commit = off;\nALTER SYSTEM SET wal_writer_delay = '10s';\nCHECKPOINT;")
        try await cluster.restart()
        let (findings, _) = try await server.findings(CrashChecks.group, target: target)
        try await cluster.psql("ALTER SYSTEM RESET ALL;")
        try await cluster.restart()
        #expect(findings.map(\.level) == [.fail])
        #expect(findings.first?.measured.hasSuffix("the row is an older one") == true, "\(findings)")
    }

    @Test("A report of a crash that was none is no pass", arguments: ["", "killed=7\nrunning=7\nmilliseconds=1", "killed=7\nrunning=8", "killed=7"])
    func noCrash(report: String) {
        #expect(CrashChecks.judge(GuestReport(report), committed: "a", found: "a").level == .fail)
    }

    @Test("A machine whose process cannot be killed has its power cut; a row that is not there afterwards is a failure")
    func machine() async throws {
        let options = VerificationOptions(depth: .standard, killsMachine: true)
        #expect(MachineCrashChecks.group.runs(options))
        #expect(!MachineCrashChecks.group.runs(VerificationOptions(depth: .full)))

        let good = try server.target()
        let (kept, _) = try await server.findings(MachineCrashChecks.group, options, target: good)
        #expect(kept.map(\.level) == [.pass])
        #expect(kept.first?.measured.hasPrefix("the machine's power was cut and started again") == true)
        #expect((good.backend as? FakeBackend)?.calls == ["powerOff"])

        let bad = try server.target(restart: { try await cluster.psql("DELETE FROM commit_probe;", database: "pgkvm") })
        let (lost, _) = try await server.findings(MachineCrashChecks.group, options, target: bad)
        #expect(lost.map(\.level) == [.fail])
        #expect(lost.first?.measured.contains("the row is gone") == true)
    }
}
