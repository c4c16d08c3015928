import ApplianceModel
import HostSystem
import SystemPackage
import TestSupport
import Testing

extension GuestTests {
    @Suite("A guest of libvirt's", .enabled("only root makes namespaces") { HostEnvironment.isRoot })
    struct LibvirtTests {
        @Test("A domain on libvirt's network with NAT is deployed, verified, stopped, started and deleted like any appliance")
        func lifecycle() async throws {
            try await LibvirtDaemon.with { daemon in
                let outside = try Guests.shared().home
                let guest = Guest(home: outside.inside(daemon), name: "kilo")
                let specFile = try SharedSpec.write(
                    name: guest.name, machine: "backend: libvirt", network: "mode: nat\n  device: default", in: outside)
                try await outside.check("image", "build", "debian-13")
                try await guest.removedOnFailure {
                    try await Stage.run("deploy \(guest.name)") { try await guest.home.check("deploy", specFile.string) }
                    let status = try await guest.status()
                    let address = try #require(status.postgresql)
                    #expect(address.host.hasPrefix("192.168.122."))
                    try await expectWatched(guest)
                    try await expectFilterHeld(guest)

                    let connection = try await guest.home.check("connection", guest.name, "--database", SharedSpec.oddDatabase)
                    let psql = daemon.prefix + ["psql", "--no-psqlrc", "-Atw", connection, "-c"]
                    func query(_ text: String) async throws -> String {
                        try await ProgramRunner.check(psql[0], psql.dropFirst() + [text]).outputText.split(separator: "\n").joined()
                    }
                    _ = try await query("CREATE TABLE kept AS SELECT 42 AS answer")
                    let plan = try await guest.home.check("plan", specFile.string, "--brief")
                    #expect(plan.contains("nothing would be changed"), "\(plan)")
                    let domains = try await daemon.virsh("list", "--title", "--all")
                    #expect(domains.contains("PostgreSQL appliance kilo"))
                    #expect(try await !daemon.everything().contains("seed"))
                    #expect(try await guest.home.check("logs", guest.name, "--serial").contains("login:"))

                    try await guest.home.check("stop", guest.name)
                    #expect(try await daemon.virsh("domstate", guest.name).contains("shut off"))
                    #expect(try await guest.home.check("list").contains("off"))
                    let off = try await guest.verify()
                    #expect(off.contains { $0.check == "postgresql.connection" && $0.level == .fail }, "\(off.map(\.check))")
                    try await guest.home.check("start", guest.name)
                    #expect(try await guest.status().postgresql == address)
                    #expect(try await query("SELECT answer FROM kept") == "42")

                    try await guest.home.check("delete", guest.name, "--confirm", guest.name)
                    #expect(try await daemon.everything() == "")
                }
                try await guest.expectGone()
            }
        }

        /// What only the machine's process, the daemon's counters and the disk's file can tell is told of a domain too.
        private func expectWatched(_ guest: Guest) async throws {
            let report = try await Stage.run("verify \(guest.name)") { try await guest.measured("--rounds", "2") }
            report.findings.expectPassed()
            let told = report.findings.map { "\($0.check): \($0.level): \($0.measured)" }.joined(separator: "\n")
            for check in [
                "process.threads", "process.user", "process.capabilities", "process.sandbox", "process.priority", "network.path", "network.filter",
                "durability.nodes", "durability.flushes",
            ] {
                #expect(report.findings.first { $0.check == check }?.level == .pass, "\(check) in\n\(told)")
            }
            for check in ["process.name", "disk.virtualization-tax"] {
                #expect(report.findings.first { $0.check == check }?.level == .skip, "\(check) in\n\(told)")
            }
            let metrics = Set(report.measurements.metrics.map(\.id))
            #expect(metrics.isSuperset(of: ["disk.write-latency.p50", "cpu.aes-speed.host-gain"]), "\(metrics.sorted())")
            let process = try #require(try await guest.status().processID)
            let top = try await guest.home.check("top", guest.name, "--once")
            #expect(top.contains(" \(process) "), "\(top)")
        }

        /// A rule that opens the server in words of its own, and a filter that no boot loads, are caught.
        private func expectFilterHeld(_ guest: Guest) async throws {
            try await guest.root("nft add rule inet pgkvm input tcp dport '{ 22, 5432 }' accept; systemctl disable --quiet nftables")
            let open = try await guest.measured("--quick", "--only", "network").findings.first { $0.check == "network.filter" }
            try await guest.root("nft --file /etc/nftables.conf; systemctl enable --quiet nftables")
            #expect(open?.level == .fail)
            for part in ["'tcp dport { 22, 5432 } accept'", "nftables.service is disabled"] {
                #expect(open?.measured.contains(part) == true, "\(String(describing: open))")
            }
            let closed = try await guest.measured("--quick", "--only", "network")
            #expect(closed.findings.filter { $0.level == .fail }.map { "\($0.check): \($0.measured)" } == [])
        }
    }
}
