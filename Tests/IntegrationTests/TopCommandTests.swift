import FoundationEssentials
import HostSystem
import SystemPackage
import TestSupport
import Testing

/// `top` on a terminal, and without one.
@Suite("top", .timeLimit(.minutes(40)))
struct TopCommandTests {
    /// Appliances of which there is only a spec.
    private func withAppliances(_ names: [String], _ body: (PGKVMHome) async throws -> Void) async throws {
        try await PGKVMHome.with { home in
            for name in names {
                try Files.createDirectory(home.appliance(name))
                try Files.write("formatVersion: 1\nname: \(name)\n", to: home.appliance(name).appending("spec.yaml"))
            }
            try await body(home)
        }
    }

    /// A shell that shows what it is left with: the exit status, and whether the terminal's settings are those of before.
    private func shell(_ home: PGKVMHome, _ arguments: String = "", variables: String = "") -> [String] {
        let script = """
            trap : INT
            echo on the screen before
            before=$(stty -g)
            env PGKVM_HOME=\(home.path) \(variables) \(PGKVMHome.program) top --interval 0.5 \(arguments)
            echo "status=$?"
            [ "$before" = "$(stty -g)" ] && echo settings=same || echo settings=changed
            read -r line && echo "line=$line"
            read -r line
            """
        return ["sh", "-c", script]
    }

    @Test("Ctrl-C ends it with 130 and q with 0, and the terminal is as it was", arguments: [("C-c", "status=130"), ("q", "status=0")])
    func ends(key: String, status: String) async throws {
        try await withAppliances(["orders"]) { home in
            try await TerminalScreen.with(shell(home), columns: 80, rows: 24) { screen in
                try await screen.waitFor("q quits")
                let shown = try #require(try await screen.text())
                #expect(shown.contains("appliances: 0 of 1 run") && shown.contains("orders"))
                #expect(!shown.contains("on the screen before"))
                try await screen.press(key)
                try await screen.waitFor("settings=same")
                let left = try #require(try await screen.text())
                #expect(left.contains("on the screen before") && left.contains(status), "\(left)")
                #expect(!left.contains("q quits"))
                // Keys are seen and lines are lines again.
                try await screen.press("hello", "Enter")
                try await screen.waitFor("line=hello")
            }
        }
    }

    @Test("A window of another size is filled anew, and never with more than fits")
    func resize() async throws {
        let names = (0..<30).map { "an-appliance-with-a-name-\($0)" }
        try await withAppliances(names) { home in
            try await TerminalScreen.with(shell(home), columns: 80, rows: 24) { screen in
                try await screen.waitFor("more lines: a higher window")
                let first = try #require(try await screen.text())
                #expect(first.contains("q quits"))
                try await screen.resize(columns: 60, rows: 12)
                try await screen.waitFor("and 24 more lines")
                let small = try #require(try await screen.text()).split(separator: "\n")
                #expect(small.last?.hasPrefix("q quits") == true)
                #expect(small.count <= 12 && small.allSatisfy { $0.count <= 60 })
                try await screen.resize(columns: 100, rows: 40)
                try await screen.waitFor("an-appliance-with-a-name-29")
                let large = try #require(try await screen.text())
                #expect(!large.contains("more lines"))
                try await screen.press("q")
                try await screen.waitFor("status=0")
            }
        }
    }

    @Test("Without a terminal, with --once and as JSON it looks once, plainly", arguments: [[], ["--once"], ["--format", "json"]])
    func once(options: [String]) async throws {
        try await withAppliances(["orders", "other"]) { home in
            let result = try await home.run(["top", "--interval", "0.5"] + options)
            #expect(result.status == 0, "\(result.errorText)")
            #expect(!result.outputText.contains("\u{1b}"))
            if options.contains("json") {
                struct Document: Decodable {
                    struct Appliance: Decodable { let name: String, state: String }
                    let seconds: Double
                    let appliances: [Appliance]
                }
                let document = try JSONDecoder().decode(Document.self, from: Data(result.standardOutput))
                #expect(document.appliances.map(\.name) == ["orders", "other"])
                #expect(document.appliances.allSatisfy { $0.state == "absent" })
                #expect(document.seconds >= 0.5)
            } else {
                #expect(result.outputText.contains("appliances: 0 of 2 run"))
                #expect(result.outputText.contains("\norders absent"))
            }
            #expect(try await home.check("top", "other", "--once").contains("orders") == false)
        }
    }

    @Test("NO_COLOR and a dumb terminal get plain text", arguments: [("", true), ("NO_COLOR=1", false)])
    func colours(variable: String, isBold: Bool) async throws {
        try await withAppliances(["orders"]) { home in
            let command = "env -u NO_COLOR TERM=xterm PGKVM_HOME=\(home.path) \(variable) \(PGKVMHome.program) top --once --interval 0.5"
            let text = try await ProgramRunner.check("script", ["--quiet", "--return", "--command", command, "/dev/null"]).outputText
            #expect(text.contains("\u{1b}[1mNAME") == isBold)
            let dumb = command.replacing("TERM=xterm", with: "TERM=dumb").replacing("--once ", with: "")
            let plain = try await ProgramRunner.check("script", ["--quiet", "--return", "--command", dumb, "/dev/null"]).outputText
            #expect(!plain.contains("\u{1b}") && plain.contains("NAME"))
        }
    }

    @Test("An interval that makes no sense is wrong usage")
    func usage() async throws {
        try await PGKVMHome.with { (home: PGKVMHome) async throws -> Void in
            for interval in ["0", "0.1", "4000", "x"] { #expect(try await home.run("top", "--interval", interval).status == 64) }
        }
    }
}
