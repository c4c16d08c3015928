import HostSystem
import SystemPackage
import TestSupport
import Testing

/// `guide` on a terminal, up to the review; no guest is made.
@Suite("guide", .timeLimit(.minutes(40)))
struct GuideCommandTests {
    /// Bash with job control on a terminal of its own, in the state directory, ready to be typed at.
    private func withShell(
        _ home: PGKVMHome, columns: Int = 80, rows: Int = 24, variables: String = "", _ body: (TerminalScreen) async throws -> Void
    ) async throws {
        let setting = "cd \(home.path) && export PGKVM_HOME=\(home.path) TERM=xterm \(variables) PS1='ready> ' && exec bash --norc --noprofile -i"
        try await TerminalScreen.with(["sh", "-c", setting], columns: columns, rows: rows) { screen in
            try await screen.waitFor("ready>")
            try await body(screen)
        }
    }

    /// Goes to the first question of a new guide's second stop.
    private func begin(_ screen: TerminalScreen, _ command: String) async throws {
        try await screen.type(command)
        try await screen.waitFor("Go on [Enter] >")
        try await screen.press("Enter")
        try await screen.waitFor("Data disk [10GiB] >")
    }

    private var guide: String { "\(PGKVMHome.program) guide" }

    /// Types answers into a terminal (script) and returns everything that came out of it.
    private func typed(_ home: PGKVMHome, _ arguments: String, _ answers: [String], variables: String = "") async throws -> String {
        let command = "cd \(home.path) && env -u NO_COLOR TERM=xterm PGKVM_HOME=\(home.path) \(variables) \(guide) \(arguments); echo status=$?"
        let result = try await ProgramRunner.check(
            "script", ["--quiet", "--return", "--command", command, "/dev/null"], input: Array((answers.joined(separator: "\n") + "\n").utf8))
        return result.outputText.replacing("\r\n", with: "\n")
    }

    /// Enter at each of the questions before the review.
    private static let enters = [String](repeating: "", count: 15)

    @Test("Without a terminal nothing is asked: it is refused with the reason and the remedy, and nothing is made")
    func noTerminal() async throws {
        try await PGKVMHome.with { home in
            for arguments in [["guide"], ["guide", "orders"], ["guide", "orders", "--plain"]] {
                let result = try await home.run(arguments, input: Array("\n\n\n".utf8))
                #expect(result.status == 1)
                #expect(result.outputText.isEmpty)
                for part in ["error[unsupported]", "standard input is no terminal", "try: ", "ssh -t", "pgkvm deploy"] {
                    #expect(result.errorText.contains(part))
                }
            }
            #expect(try Files.list(home.path).isEmpty)
        }
    }

    @Test("A name that is none, a file that is not there and a wrong option are refused before a question")
    func usage() async throws {
        try await PGKVMHome.with { (home: PGKVMHome) async throws -> Void in
            #expect(try await typed(home, "Bad", []).contains("is not an appliance name"))
            #expect(try await typed(home, "none.yaml", []).contains("file.unreadable"))
            #expect(try await home.run("guide", "orders", "--boot-patience", "0").status == 64)
            #expect(try await home.check("guide", "--help").contains("pgkvm guide orders.yaml"))
        }
    }

    @Test("Plain, up to the spec file: the plan of the review and the plan of the file are the same, and replaying is one line")
    func plain() async throws {
        try await PGKVMHome.with { home in
            // Both plans tell whether the image is there, which another test may just be building.
            let home = home.withOwnCache
            var answers = Self.enters
            answers[1] = "1GiB"
            let text = try await typed(home, "orders --plain", answers + ["p", "w", ""], variables: "XDG_CACHE_HOME=\(home.path)/.cache")
            #expect(!text.contains("\u{1b}"))
            #expect(text.contains("Stop 1 of 7: the host") && text.contains("What: ") && text.contains("Stop 7 of 7: review"))
            #expect(text.contains("\npgkvm deploy orders.yaml\nstatus=0"), "\(text)")
            #expect(try await home.hasNoProcesses())
            let file = home.path.appending("orders.yaml")
            #expect(try Files.readText(file).contains("size: 1GiB"))
            #expect(try Files.readText(file).contains("# "))
            #expect(try await home.check("spec", "check", file.string).contains("no faults"))
            // What the host has free changes by itself.
            func steady(_ text: String) -> [String] {
                text.split(whereSeparator: \.isNewline).map(String.init).filter { !$0.contains("MiB") && !$0.contains("available") || $0.contains("disk") }
            }
            let plan = steady(try await home.check("plan", file.string, "--brief"))
            // What is typed ahead was echoed before: the answer to a question begins on its line.
            let shown = steady(text.replacing("Begin [Enter] > ", with: "Begin\n"))
            let start = try #require(shown.lastIndex(of: plan[0]), "\(text)")
            #expect(Array(shown[start...].prefix(plan.count)) == plan)
            // The whole plan, every rendered file included, of the draft and of the stored file.
            let draft = home.path.appending(".guides/orders/spec.yaml")
            let both = try await [draft, file].map { path in
                ["plan", path.string, "--format", "json"]
            }.asyncMap { steady(try await home.run($0).outputText) }
            #expect(both[0] == both[1])
            #expect(both[0].count > 50)
        }
    }

    @Test("Ctrl-C keeps the answers, says how to carry on, ends with 130, and the next guide does")
    func interrupt() async throws {
        try await PGKVMHome.with { home in
            try await withShell(home) { screen in
                try await begin(screen, "clear; \(guide) orders; echo status=$?")
                try await screen.type("2GiB")
                try await screen.waitFor("System disk [8GiB] >")
                try await screen.press("4", "C-c")
                try await screen.waitFor("status=130")
                let shown = try #require(try await screen.text())
                #expect(shown.contains("To carry on: pgkvm guide orders"), "\(shown)")
                #expect(try Files.readText(home.path.appending(".guides/orders/spec.yaml")).contains("size: 2GiB"))
                try await screen.type("clear; \(guide) orders; echo status=$?")
                try await screen.waitFor("Data disk [2GiB] >")
                // The end of the input is a stop too.
                try await screen.press("C-d")
                try await screen.waitFor("status=0")
            }
            #expect(try await home.hasNoProcesses())
        }
    }

    @Test("Ctrl-Z stops it, fg shows the question again, and a half typed answer is forgotten")
    func suspend() async throws {
        try await PGKVMHome.with { home in
            try await withShell(home) { screen in
                try await begin(screen, "clear; \(guide) orders")
                try await screen.press("9", "9", "C-z")
                try await screen.waitFor("Stopped")
                try await screen.type("clear; fg")
                try await screen.waitFor("Data disk [10GiB] >")
                try await screen.type("3GiB")
                try await screen.waitFor("System disk [8GiB] >")
                #expect(try Files.readText(home.path.appending(".guides/orders/spec.yaml")).contains("size: 3GiB"))
                try await screen.type("q")
                try await screen.waitFor("ready>")
            }
            #expect(try await home.hasNoProcesses())
        }
    }

    @Test("A window of another size is filled by its width, and a stop fits 80 columns and 24 lines with its question")
    func resize() async throws {
        try await PGKVMHome.with { home in
            try await withShell(home) { screen in
                try await begin(screen, "clear; \(guide) orders")
                let first = try #require(try await screen.text())
                #expect(first.contains("Stop 2 of 7"), "\(first)")
                try await screen.resize(columns: 120, rows: 50)
                try await screen.type("r")
                try await screen.type("")
                try await screen.waitFor("System disk [8GiB] >")
                try await screen.resize(columns: 50, rows: 60)
                try await screen.type("clear")
                try await screen.type("s")
                try await screen.waitFor("vCPUs [2] >")
                let narrow = try #require(try await screen.text()).split(separator: "\n").drop { !$0.hasPrefix("Stop 3 of 7") }
                #expect(narrow.count > 10 && narrow.allSatisfy { $0.count <= 50 })
                // Words are whole where lines end: the terminal broke none of them.
                #expect(narrow.contains { $0.contains("AES-NI") })
                // A low window gets the text part by part.
                try await screen.resize(columns: 60, rows: 12)
                try await screen.type("s")
                try await screen.waitFor("more lines: Enter shows them")
                try await screen.type("s")
                try await screen.waitFor("PostgreSQL's port [open] >")
                try await screen.type("q")
                try await screen.waitFor("ready>")
            }
        }
    }

    @Test(
        "Headings are bold on a terminal, and plain where colour is not wanted",
        arguments: [("", "", true), ("NO_COLOR=1", "", false), ("TERM=dumb", "", false), ("", "--plain", false)])
    func colours(variable: String, option: String, isBold: Bool) async throws {
        try await PGKVMHome.with { home in
            let text = try await typed(home, "orders \(option)", ["q"], variables: variable)
            #expect(text.contains("\u{1b}[1mStop 1 of 7") == isBold, "\(text)")
            #expect(text.contains("\u{1b}") == isBold)
            #expect(text.contains("status=0"))
        }
    }

    @Test("A terminal that goes away ends the guide, and the answers are there")
    func hangup() async throws {
        try await PGKVMHome.with { home in
            try await withShell(home) { screen in
                try await begin(screen, "clear; \(guide) orders")
                try await screen.type("5GiB")
                try await screen.waitFor("System disk [8GiB] >")
            }
            #expect(try await home.hasNoProcesses())
            #expect(try Files.readText(home.path.appending(".guides/orders/spec.yaml")).contains("size: 5GiB"))
        }
    }
}

extension Sequence where Element: Sendable {
    fileprivate func asyncMap<Value>(_ transform: (Element) async throws -> Value) async rethrows -> [Value] {
        var values: [Value] = []
        for element in self { values.append(try await transform(element)) }
        return values
    }
}
