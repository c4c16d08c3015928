import ApplianceModel
import FoundationEssentials
import HostSystem
import Quoting
import SystemPackage
import TestSupport
import Testing

/// The commands that lead into the guest.
extension GuestTests.DeployedGuestTests {
    @Test("ssh hands over each argument as it is, standard input, both outputs and the exit status")
    func ssh() async throws {
        let alpha = try await Guests.undisturbed()
        let words = ["it's", #""two words""#, "$HOME `id` $(id)", "*", "back\\slash", "line\nbreak", "🐘", ""]
        let printed = try await alpha.home.run(["ssh", "alpha", "--", "printf", "%s\\0"] + words)
        #expect(printed.status == 0, "\(printed.errorText)")
        let got = printed.standardOutput.split(separator: 0, omittingEmptySubsequences: false).dropLast().map { String(decoding: $0, as: UTF8.self) }
        #expect(got == words)

        let result = try await alpha.home.run(
            "ssh", "alpha", "--", "sh", "-c", "cat; echo to the side >&2; exit 7", input: Array("from here\n".utf8))
        #expect(result.status == 7)
        #expect(result.outputText == "from here\n")
        #expect(result.errorText.contains("to the side"))
    }

    @Test("psql opens the appliance's database with the arguments given")
    func psql() async throws {
        let alpha = try await Guests.undisturbed()
        #expect(try await alpha.home.check("psql", "alpha", "--", "-XAtc", "SELECT current_database()") == SharedSpec.oddDatabase)
        let other = try await alpha.home.run("psql", "alpha", "--database", "plain", "--role", SharedSpec.oddRole, "--", "-XAtc", "SELECT current_user")
        #expect(other.outputText == SharedSpec.oddRole + "\n", "\(other.errorText)")
        #expect(try await alpha.home.run("psql", "alpha", "--database", "nope").errorText.contains("has no database 'nope'"))
        #expect(try await alpha.home.run("psql", "alpha", "--role", "nope").errorText.contains("has no role 'nope'"))
    }

    @Test("Each of the three logs is shown, and no more than the lines asked for")
    func logs() async throws {
        let alpha = try await Guests.undisturbed()
        _ = try await alpha.guest.psql(alpha.home.check("connection", "alpha"), "SELECT nonsense FROM nowhere")
        #expect(try await alpha.home.check("logs", "alpha").contains("nowhere"))
        #expect(try await alpha.home.check("logs", "alpha", "--serial", "--lines", "100000").contains("systemd"))
        #expect(try await alpha.home.run("logs", "alpha", "--qemu").status == 0)
        #expect(try await alpha.home.check("logs", "alpha", "--serial", "--lines", "3").split(separator: "\n", omittingEmptySubsequences: false).count == 3)
    }

    @Test("On the console an Enter is answered with the log-in prompt, and Ctrl-] leaves")
    func console() async throws {
        let alpha = try await Guests.undisturbed()
        try await TerminalScreen.with(["env", "PGKVM_HOME=\(alpha.home.path)", PGKVMHome.program.string, "console", "alpha"]) { screen in
            try await screen.waitFor("Ctrl-] leaves it")
            try await screen.press("Enter")
            try await screen.waitFor("alpha login:")
            try await screen.press("C-]")
            try await screen.waitForEnd()
        }
    }
}
