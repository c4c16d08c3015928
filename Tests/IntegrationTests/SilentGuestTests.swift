import ApplianceModel
import HostSystem
import SystemPackage
import TestSupport
import Testing

extension GuestTests {
    /// A guest that never boots: its disk holds no loader, and the firmware waits for somebody to do something.
    @Suite("Silent guests", .serialized)
    struct SilentGuestTests {
        private static let options = ["--image", "blank", "--data-disk", "1GiB", "--memory", "512MiB"]

        @Test("A guest that falls silent before SSH is told with its console, stays, and the same command goes on waiting")
        func silence() async throws {
            let home = try Guests.shared().home.withOwnCache
            _ = try await BlankDisk.importImage(into: home, name: "blank")
            let echo = Guest(home: home, name: "echo")
            try await echo.removedOnFailure { try await silence(of: echo) }
            try await echo.expectGone()
        }

        private func silence(of echo: Guest) async throws {
            let home = echo.home
            let deploy = ["deploy", "echo", "--boot-patience", "15"] + Self.options
            let first = try await Stage.run("deploy echo") { try await home.run(deploy) }
            expectSilence(first)
            #expect(first.errorText.contains("pgkvm deploy echo\n"))
            #expect(first.errorText.contains("pgkvm delete echo\n"))
            #expect(try await echo.status().state == "running")
            let id = try await echo.status().processID

            // The console can be used: the firmware's shell answers.
            try await TerminalScreen.with(["env", "PGKVM_HOME=\(home.path)", PGKVMHome.program.string, "console", "echo"]) { screen in
                try await screen.waitFor("Ctrl-] leaves it")
                try await screen.press("ver", "Enter")
                try await screen.waitFor("UEFI")
                try await screen.press("C-]")
                try await screen.waitForEnd()
            }

            let second = try await home.run(deploy)
            expectSilence(second)
            #expect(try await echo.status().processID == id)
            try await home.check("delete", "echo", "--confirm", "echo")
        }

        @Test("With '--on-error revert' a failed deployment leaves nothing")
        func reverted() async throws {
            let home = try Guests.shared().home.withOwnCache
            _ = try await BlankDisk.importImage(into: home, name: "blank")
            let result = try await Stage.run("deploy foxtrot, undone") {
                try await home.run(["deploy", "foxtrot", "--boot-patience", "5", "--on-error", "revert"] + Self.options)
            }
            #expect(result.status == 1)
            // By then there was a machine, and it ran.
            #expect(result.errorText.contains("has printed nothing for 5 s"), "\(result.errorText)")
            #expect(result.errorText.contains("what this run did was undone"), "\(result.errorText)")
            #expect(!result.errorText.contains("could not be undone"), "\(result.errorText)")
            try await Guest(home: home, name: "foxtrot").expectGone()
        }

        private func expectSilence(_ result: ProgramResult, sourceLocation: SourceLocation = #_sourceLocation) {
            #expect(result.status == 1, sourceLocation: sourceLocation)
            for part in ["has printed nothing for 15 s and does not answer over SSH", "pgkvm console echo"] {
                #expect(result.errorText.contains(part), "'\(part)' is not in:\n\(result.errorText)", sourceLocation: sourceLocation)
            }
        }
    }
}
