import HostSystem
import SystemPackage
import TestSupport
import Testing

extension GuestTests {
    @Suite("A diagnosis of a running guest", .serialized)
    struct DiagnoseGuestTests {
        @Test("holds host, QEMU and guest, none of the appliance's secrets, and no logs where they are not wanted")
        func diagnose() async throws {
            let guest = try await Guests.undisturbed().guest
            let secrets = try Secrets.all(of: guest)
            for (option, hasLogs) in [([], true), (["--without-logs"], false)] as [([String], Bool)] {
                let archive = guest.home.path.appending("diagnosis-\(hasLogs).tar.gz")
                let result = try await guest.home.run(["diagnose", "alpha", "--output", archive.string] + option)
                #expect(result.status == 0, "\(result.errorText)")
                #expect(result.outputText == "\(archive)\n")
                #expect(result.errorText.contains("look at"))
                #expect(Files.status(archive)?.permissions == 0o600)
                let names = try await ProgramRunner.check("tar", ["--list", "--gzip", "--file", archive.string]).outputText
                for name in [
                    "spec.yaml", "journal.jsonl", "machine.json", "status.json", "doctor.json", "qemu/command.txt", "qemu/status", "host/proc-version",
                ] {
                    #expect(names.contains("/\(name)\n"), "\(name) is missing from \(names)")
                }
                for name in ["guest/journal.txt", "guest/cloud-init.txt", "guest/postgresql.txt", "serial.log"] {
                    #expect(names.contains("/\(name)\n") == hasLogs, "\(name): \(names)")
                }
                #expect(!names.contains("notes.txt"))
                let everything = try await ProgramRunner.check("tar", ["--extract", "--to-stdout", "--gzip", "--file", archive.string])
                #expect(Secrets.found(secrets, in: everything.standardOutput).isEmpty)
                let again = try await guest.home.run(["diagnose", "alpha", "--output", archive.string])
                #expect(again.status == 1 && again.errorText.contains("is not overwritten"))
                try Files.remove(archive)
            }
        }
    }
}
