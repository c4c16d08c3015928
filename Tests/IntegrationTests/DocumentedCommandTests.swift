import ApplianceModel
import FoundationEssentials
import HostSystem
import SystemPackage
import TestSupport
import Testing

/// Runs a documented command line with the program that is tested first on the PATH.
private func shell(_ command: String, in home: PGKVMHome, environment: [String: String] = [:]) async throws -> ProgramResult {
    let programs = home.path.appending(".programs")
    try Files.createDirectory(programs)
    defer { try? Files.remove(programs) }
    let link = programs.appending("pgkvm")
    _ = try await ProgramRunner.check("ln", ["-s", PGKVMHome.program.string, link.string])
    let variables = home.environment.merging(["PGKVM_HOME": home.path.string]) { own, _ in own }.merging(environment) { _, given in given }
    let script = "PATH=\(programs):$PATH; export PATH; \(command.replacing(".build/release/pgkvm", with: "pgkvm"))"
    return try await ProgramRunner.run("bash", ["-c", script], environment: variables, workingDirectory: home.path)
}

@Suite("The documentation", .timeLimit(.minutes(40)))
struct DocumentedCommandTests {
    @Test("Every block says what it is, and commands stand in blocks of commands only")
    func blocks() throws {
        let languages: Set = ["sh", "swift", "text", "synopsis", "yaml", "json"]
        for block in try DocumentedCommands.blocks() {
            let place = "\(block.page):\(block.line)"
            #expect(languages.contains(block.language), "\(place) is of the language '\(block.language)'")
            guard !["sh", "synopsis"].contains(block.language) else { continue }
            for line in block.lines { #expect(line.prefixMatch(of: #/\s*(\$ |pgkvm |make )/#) == nil, "\(place) holds a command: \(line)") }
        }
    }

    @Test("Every command that is shown is in the table of how it is run, and nothing else is")
    func table() throws {
        let shown = try DocumentedCommands.all()
        for command in shown { #expect(CommandTreatment.of(command.text) != nil, "\(command.page):\(command.line): nobody runs '\(command.text)'") }
        let stale = Set(CommandTreatment.all.keys).subtracting(shown.map(\.text))
        #expect(stale.isEmpty, "no page shows \(stale.sorted())")
    }

    @Test("What needs no guest runs as it is shown, in the order in which it is shown")
    func here() async throws {
        try await PGKVMHome.with { home in
            for command in try DocumentedCommands.all() {
                guard case .here? = CommandTreatment.of(command.text) else { continue }
                let result = try await shell(command.text, in: home)
                #expect(result.status == 0, "\(command.page):\(command.line): \(command.text)\n\(result.errorText)\(result.outputText)")
            }
        }
    }

    @Test("What would change something is accepted as it is shown")
    func accepted() async throws {
        try await PGKVMHome.with { home in
            for command in try DocumentedCommands.all() {
                guard case .accepted(let code, _)? = CommandTreatment.of(command.text) else { continue }
                // No directory can be made there.
                let nowhere = code == .fileUnwritable ? ["PGKVM_HOME": "/proc/nowhere"] : [:]
                let result = try await shell(command.text, in: home, environment: nowhere)
                #expect(result.status == 1 && result.errorText.contains("error[\(code)]"), "\(command.text)\n\(result.errorText)")
            }
        }
    }

    @Test("Every command and option that is named in running text, or in a synopsis, is there")
    func inline() async throws {
        try await PGKVMHome.with { home in
            let tool = try JSONDecoder().decode(Tool.self, from: Data(try await home.check("--experimental-dump-help").utf8))
            let synopses = try DocumentedCommands.blocks().filter { $0.language == "synopsis" }.flatMap { block in
                block.lines.joined(separator: "\n").replacing("\n ", with: " ").split(separator: "\n").map { (page: block.page, text: String($0)) }
            }
            let named = try DocumentedCommands.inline() + synopses
            #expect(named.count > 50)
            for (page, text) in named {
                // What follows -- is another program's.
                let words = text.split(separator: " -- ").first?.split(whereSeparator: { " |[]()\"".contains($0) }).map(String.init) ?? []
                guard words.count > 1 else { continue }
                let known = tool.command.options(along: words.dropFirst())
                for word in words where word.hasPrefix("--") {
                    let option = String(word.prefix { $0 != "=" })
                    #expect(known?.contains(option) == true, "\(page): '\(text)' has no \(option)")
                }
                #expect(known != nil, "\(page): '\(text)' is no command")
            }
        }
    }

    private struct Tool: Decodable {
        struct Command: Decodable {
            struct Argument: Decodable {
                struct Name: Decodable { let kind: String, name: String }
                let names: [Name]?
            }
            let commandName: String
            let subcommands: [Command]?
            let arguments: [Argument]?

            /// The long options of the command that the words lead to; nil when they lead to none.
            func options(along words: ArraySlice<String>) -> Set<String>? {
                guard let subcommands, !subcommands.isEmpty, let word = words.first, !word.hasPrefix("-") else {
                    return Set((arguments ?? []).flatMap { $0.names ?? [] }.map { "--\($0.name)" } + ["--help"])
                }
                if word == "help" || word.contains("…") { return ["--help"] }
                return subcommands.first { $0.commandName == word }?.options(along: words.dropFirst())
            }
        }
        let command: Command
    }
}

extension GuestTests {
    @Suite("The documentation, with a guest", .serialized)
    struct DocumentedGuestCommandTests {
        @Test("What needs an appliance runs as it is shown, but for the appliance's name")
        func guest() async throws {
            let guest = try await Guests.undisturbed().guest
            for command in try DocumentedCommands.all() {
                guard case .guest(let status)? = CommandTreatment.of(command.text) else { continue }
                let text = command.text.replacing(#/\b(orders|demo)\b/#, with: guest.name)
                let result = try await shell(text, in: guest.home)
                #expect(result.status == status, "\(command.page):\(command.line): \(text)\n\(result.errorText)\(result.outputText)")
            }
        }
    }
}
