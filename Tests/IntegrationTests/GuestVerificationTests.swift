import ApplianceModel
import FoundationEssentials
import HostSystem
import Reports
import SystemPackage
import TestSupport
import Testing

extension GuestTests {
    /// A verification that measures, on a real guest: what it finds, what it must not miss, and what it leaves. The name puts it behind the
    /// other tests of the guest: the tests that need none run beside the first ones, and leave the host no time to be measured.
    @Suite("Measured", .serialized)
    struct GuestVerificationTests {
        @Test("A full verification measures what it says, fails nothing of an honest guest, and leaves nothing")
        func full() async throws {
            let guest = try await Guests.undisturbed().guest
            let report = try await Stage.run("verify alpha --full") { try await guest.measured("--full", "--rounds", "2") }
            #expect(report.findings.filter { $0.level == .fail }.map { "\($0.check): \($0.measured)" } == [])
            for check in [
                "durability.nodes", "durability.write-cache", "durability.flushes", "disk.virtualization-tax", "network.round-trip", "network.isolation",
                "postgresql.pgbench", "postgresql.crash", "postgresql.doors", "disk.allocation",
            ] {
                #expect(report.findings.first { $0.check == check }?.level == .pass, "\(check)")
            }
            let metrics = Set(report.measurements.metrics.map(\.id))
            #expect(
                metrics.isSuperset(of: ["disk.write-latency.p50", "disk.virtualization-tax.p50", "postgresql.pgbench.tpcb-like", "cpu.aes-speed.host-gain"]))
            #expect(report.measurements.metrics.allSatisfy { $0.value > 0 })
            try await expectNothingLeft(guest)

            let page = try await guest.home.check("report", "alpha", "--html")
            #expect(page.hasPrefix("<!DOCTYPE html>") && page.contains("disk.write-latency") && !page.contains("<script"))
            #expect(try await guest.home.check("report", "alpha", "--list").split(separator: "\n").count >= 2)
        }

        @Test("A limit that is exceeded fails the verification, and one that is kept does not")
        func limits() async throws {
            let guest = try await Guests.undisturbed().guest
            let arguments = ["verify", "alpha", "--only", "network", "--limit"]
            let kept = try await guest.home.run(arguments + ["network.round-trip.p50=1000s"])
            #expect(kept.status == 0, "\(kept.outputText)\(kept.errorText)")
            let exceeded = try await guest.home.run(arguments + ["network.round-trip.p50=1ns"])
            #expect(exceeded.status == 2, "\(exceeded.outputText)\(exceeded.errorText)")
            #expect(exceeded.outputText.contains("limit.network-round-trip-p50"), "\(exceeded.outputText)")
        }

        @Test("A guest that sends no flushes, and a server that asks for none, are caught")
        func dishonest() async throws {
            let guest = try await Guests.undisturbed().guest
            let disk = try await guest.root("basename $(readlink -f /dev/disk/by-id/virtio-pgdata)")
            try await guest.root("echo write through >/sys/block/\(disk)/queue/write_cache")
            let lying = try await guest.measured("--only", "durability")
            try await guest.root("echo write back >/sys/block/\(disk)/queue/write_cache")
            for check in ["durability.write-cache", "durability.flushes"] {
                #expect(lying.findings.first { $0.check == check }?.level == .fail, "\(lying.findings)")
            }

            let server = "sudo -n -u postgres psql -XAtqc"
            try await guest.root("\(server) 'ALTER SYSTEM SET fsync = off' -c 'SELECT pg_reload_conf()'")
            let careless = try await guest.measured("--quick", "--only", "postgresql")
            try await guest.root("\(server) 'ALTER SYSTEM RESET fsync' -c 'SELECT pg_reload_conf()'")
            #expect(careless.findings.first { $0.check == "postgresql.durability-settings" }?.level == .fail, "\(careless.findings)")

            let honest = try await guest.measured("--only", "durability,postgresql")
            #expect(honest.findings.filter { $0.level == .fail }.map { "\($0.check): \($0.measured)" } == [])
        }

        @Test("A data disk that is full, and a server that is stopped, are caught")
        func fullAndStopped() async throws {
            let guest = try await Guests.undisturbed().guest
            let filler = "/var/lib/postgresql/filler"
            try await guest.root("fallocate -l $(($(df --output=avail -B1 /var/lib/postgresql | tail -n 1) - (1 << 20))) \(filler)")
            let full = try await guest.measured("--quick", "--only", "disk")
            try await guest.root("rm \(filler)")
            #expect(full.findings.filter { $0.level == .fail }.map(\.check) == ["disk.data-usage"])

            try await guest.root("systemctl stop postgresql@17-main")
            let stopped = try await guest.measured("--quick", "--only", "postgresql")
            try await guest.root("systemctl start postgresql@17-main")
            let failed = Set(stopped.findings.filter { $0.level == .fail }.map(\.check))
            #expect(failed.isSuperset(of: ["postgresql.connection", "postgresql.settings", "postgresql.doors"]), "\(stopped.findings)")
            // Where the cluster lies, what its access file holds and whether the spec fits its machine is not the server's answer.
            #expect(
                stopped.findings.filter { $0.level == .pass }.map(\.check) == [
                    "postgresql.data-directory", "postgresql.access-file", "postgresql.sizes",
                ])

            let honest = try await guest.measured("--quick", "--only", "disk,postgresql")
            #expect(honest.findings.filter { $0.level == .fail }.map { "\($0.check): \($0.measured)" } == [])
        }

        @Test("An interrupted measurement ends with 130 and leaves nothing")
        func interrupted() async throws {
            let guest = try await Guests.undisturbed().guest
            let verification = try guest.home.start("verify", "alpha", "--only", "disk")
            let came = try await verification.waiting { verification.output.contains("round") ? true : nil }
            try #require(came == true, "\(verification.output)")
            verification.send(2)
            let status = try await verification.end()
            #expect(status == 130, "\(verification.output)")
            try await expectNothingLeft(guest)
        }

        /// Neither files in guest and host, nor a lent disk, nor pgbench's tables.
        private func expectNothingLeft(_ guest: Guest, sourceLocation: SourceLocation = #_sourceLocation) async throws {
            let clock = ContinuousClock()
            // What runs in the guest learns of a lost connection a moment later.
            _ = try await poll(every: .milliseconds(250), until: clock.now + .seconds(60), on: clock) { try await remains(guest).isEmpty ? true : nil }
            let left = try await remains(guest)
            #expect(left.isEmpty, "\(left)", sourceLocation: sourceLocation)
        }

        private func remains(_ guest: Guest) async throws -> [String] {
            let inGuest = try await guest.root(
                """
                ls -A /var/lib/postgresql | grep pgkvm || true
                ls /dev/disk/by-id | grep pgkvm || true
                pgrep -a fio || true
                sudo -n -u postgres psql -XAtqd pgkvm -c "SELECT nspname FROM pg_namespace WHERE nspname = 'pgkvm_bench'"
                """)
            let onHost = try Files.list(guest.machine).filter { $0.hasPrefix(".") && $0.contains("probe") }
            return inGuest.split(separator: "\n").map(String.init) + onHost
        }
    }
}

extension Guest {
    /// A verification as its JSON tells it.
    struct Measured: Decodable {
        struct Measurements: Decodable {
            struct Metric: Decodable {
                let id: String
                let value: Double
            }
            let metrics: [Metric]
        }
        let findings: [Finding]
        let measurements: Measurements
    }

    /// Runs `verify` with options; its exit status is held against its findings.
    func measured(_ options: String...) async throws -> Measured {
        let result = try await home.run(["verify", name, "--format", "json"] + options)
        let report = try JSONDecoder().decode(Measured.self, from: Data(result.standardOutput))
        #expect(result.status == (report.findings.allPassed ? 0 : 2), "\(result.errorText)")
        return report
    }
}
