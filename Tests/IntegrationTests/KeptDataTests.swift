import ApplianceModel
import HostSystem
import Quoting
import SystemPackage
import TestSupport
import Testing

extension GuestTests {
    /// A database that outlives its appliance. The undisturbed appliance goes here: the file sorts after those that use it.
    @Suite("Kept data", .serialized)
    struct KeptDataTests {
        @Test("A deleted appliance's data is taken over by another one with rows, roles, passwords and CA, and nothing is left of both")
        func adopt() async throws {
            let alpha = try await Guests.undisturbed().guest
            let home = alpha.home
            try await alpha.write("kept")
            let passwords = try Secrets.passwords(of: alpha)
            let authority = try Files.read(alpha.certificate)
            let ports = try await alpha.status()
            let kept = FilePath(
                try await Stage.run("delete alpha, keeping its data") { try await home.check("delete", "alpha", "--confirm", "alpha", "--keep-data") })
            #expect(kept.starts(with: home.path.appending(".kept")))
            try await alpha.expectGone()
            for endpoint in [ports.ssh, ports.postgresql] { #expect(Sockets.isPortFree(try #require(endpoint).port)) }
            for name in ["pgpass", "ca.key", "data.raw"] { #expect(Files.status(kept.appending(name))?.permissions == 0o600, "\(name)") }

            let specFile = try SharedSpec.write(name: "charlie", network: "forwarder: slirp", data: "adopt: \(kept)", in: home)
            let charlie = Guest(home: home, name: "charlie")
            try await refusals(specFile, kept)

            try await charlie.removedOnFailure {
                try await Stage.run("deploy charlie with alpha's data") { try await home.check("deploy", specFile.string) }
                #expect(try await charlie.notes().contains("kept"))
                #expect(try await charlie.query("SELECT current_user", database: "plain") == "app")
                #expect(try Secrets.passwords(of: charlie) == passwords)
                #expect(try Files.read(charlie.certificate) == authority)
                try await charlie.verify().expectPassed()
                try await servedBySlirp(charlie)
                #expect(try await home.check("deploy", specFile.string).contains("nothing was changed"))
                try await home.check("delete", "charlie", "--confirm", "charlie")
            }
            try await charlie.expectGone()
            // Nor is there a second copy of the passwords and the CA's key.
            #expect(!Files.exists(kept))
        }

        /// Under slirp, which was asked for, the guest reaches its host, and a verification says so; its figures are the network's.
        private func servedBySlirp(_ guest: Guest) async throws {
            let findings = try await guest.measured("--only", "network").findings
            #expect(findings.filter { $0.level == .fail } == [])
            #expect(findings.first { $0.check == "network.path" }?.measured.hasPrefix("slirp") == true)
            #expect(findings.first { $0.check == "network.throughput" }?.level == .pass)
            let isolation = try #require(findings.first { $0.check == "network.isolation" })
            #expect(isolation.level == .warn)
            #expect(isolation.measured.contains("10.0.2.2:"), "\(isolation.measured)")
        }

        /// Another major version, and a directory that holds no kept data, are refused before anything is made or moved.
        private func refusals(_ specFile: FilePath, _ kept: FilePath) async throws {
            let home = try Guests.shared().home
            let other = try await home.run("deploy", specFile.string, "--image", "debian-12")
            #expect(other.status == 1)
            #expect(other.errorText.contains("holds PostgreSQL 17, and 15 was asked for"), "\(other.errorText)")
            let empty = try await home.run("deploy", specFile.string, "--adopt", home.path.string)
            #expect(empty.status == 1)
            #expect(empty.errorText.contains("is not what 'delete --keep-data' leaves"), "\(empty.errorText)")
            #expect(!Files.exists(home.machine("charlie")))
            #expect(try await home.check("list", "--names").isEmpty)
            #expect(Files.exists(kept.appending("data.raw")))
        }
    }
}
