import HostSystem
import SystemPackage
import TestSupport
import Testing

extension GuestTests {
    /// The whole way of somebody who is guided, in a window of 80 by 24.
    @Suite("Guided guest", .serialized)
    struct GuidedGuestTests {
        private static let patience = Duration.seconds(1800)

        @Test("From questions, over Ctrl-C in a step, to a verified guest, a shell in it, and a spec file that changes nothing", .fullRun)
        func whole() async throws {
            let home = try Guests.shared().home
            let guest = Guest(home: home, name: "guided")
            try await guest.removedOnFailure {
                let guide = "\(PGKVMHome.program) guide"
                let setting = "cd \(home.path) && export PGKVM_HOME=\(home.path) TERM=xterm PS1='ready> ' && exec bash --norc --noprofile -i"
                try await TerminalScreen.with(["sh", "-c", setting], columns: 80, rows: 24) { screen in
                    try await screen.waitFor("ready>")
                    try await Stage.run("questions") { try await questions(screen, guide) }
                    try await Stage.run("steps up to an interrupted boot") { try await interruptedBoot(screen) }
                    try await Stage.run("the rest of the steps") { try await rest(screen, guide) }
                    try await shell(screen)
                    try await screen.press("Enter")
                    try await screen.waitFor("pgkvm deploy guided.yaml")
                    try await screen.waitFor("status=0")
                }
                try await guest.verify().expectPassed()
                #expect(!Files.exists(home.path.appending(".guides")))
                let file = home.path.appending("guided.yaml")
                let again = try await home.check("deploy", file.string)
                #expect(again.contains("nothing was changed"))
                // Of the name and of the file the plans are the same, also with what the guest says.
                let (named, filed) = (try await home.check("plan", "guided", "--brief"), try await home.check("plan", file.string, "--brief"))
                #expect(Self.steady(named) == Self.steady(filed))
                #expect(named.contains("nothing would be changed"))
                try await Stage.run("a guide for what is finished") { try await finished(home, guide) }
                try await home.check("delete", "guided", "--confirm", "guided")
                try await guest.expectGone()
            }
        }

        private static func steady(_ text: String) -> [Substring] {
            text.split(separator: "\n").filter { !$0.contains("MiB available") && !$0.contains("MiB free") }
        }

        private func questions(_ screen: TerminalScreen, _ guide: String) async throws {
            try await screen.type("clear; \(guide) guided; echo status=$?")
            let answers = [
                ("Go on [", ""), ("Data disk [", "1GiB"), ("System disk [", ""), ("vCPUs [", ""), ("Memory [", "1GiB"), ("Accelerator [", ""),
                ("PostgreSQL's port [", ""), ("SSH port [", ""), ("Guest's address [", ""), ("Image [", ""), ("Profile [", "oltp"), ("Packages from [", ""),
                ("Version [", ""), ("Time zone [", ""), ("Database and its owner [", "shop"), ("Begin [", ""), ("Store the spec file as [guided.yaml]", ""),
            ]
            for (question, answer) in answers {
                try await screen.waitFor(question)
                try await screen.type(answer)
            }
        }

        private func interruptedBoot(_ screen: TerminalScreen) async throws {
            for step in 1...6 {
                try await screen.waitFor("Step \(step) of 11", within: Self.patience)
                try await screen.waitFor("Run it [Enter] >", within: Self.patience)
                try await screen.press("Enter")
            }
            try await screen.waitFor("Step 7 of 11", within: Self.patience)
            try await screen.waitFor("Run it [Enter] >", within: Self.patience)
        }

        private func rest(_ screen: TerminalScreen, _ guide: String) async throws {
            try await screen.press("Enter")
            // The boot is under way; Ctrl-C keeps what is there.
            try await screen.waitFor("[7/11] Boot the guest", within: Self.patience)
            try await screen.press("C-c")
            try await screen.waitFor("status=130", within: Self.patience)
            try await screen.type("clear; \(guide) guided; echo status=$?")
            try await screen.waitFor("6 of 11 steps are done", within: Self.patience)
            try await screen.press("Enter")
            try await screen.waitFor("Run it [Enter] >", within: Self.patience)
            try await screen.type("a")
            try await screen.waitFor("Enter ends, p shows every check", within: Self.patience)
        }

        private func shell(_ screen: TerminalScreen) async throws {
            try await screen.type("!")
            try await screen.waitFor("pgkvm@guided", within: Self.patience)
            try await screen.type("echo in-$(hostname)")
            try await screen.waitFor("in-guided")
            try await screen.type("exit")
            try await screen.waitFor("Back in the guide.")
        }

        private func finished(_ home: PGKVMHome, _ guide: String) async throws {
            let setting = "cd \(home.path) && PGKVM_HOME=\(home.path) \(guide) guided; echo status=$?; read -r line"
            try await TerminalScreen.with(["sh", "-c", setting], columns: 80, rows: 24) { screen in
                try await screen.waitFor("nothing is to be", within: Self.patience)
                try await screen.press("Enter")
                try await screen.waitFor("status=0")
            }
            #expect(!Files.exists(home.path.appending(".guides")))
        }
    }
}
