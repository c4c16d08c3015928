import FoundationEssentials
import HostSystem
import SystemPackage
import TestSupport
import Testing

/// The program's own account of itself.
@Suite("Help and suggestions")
struct HelpTests {
    private struct Tool: Decodable {
        struct Command: Decodable {
            let commandName: String
            let subcommands: [Command]?

            /// The words of every command, this one's first.
            func paths(_ parents: [String] = []) -> [[String]] {
                let own = parents + [commandName]
                return [own] + (subcommands ?? []).filter { $0.commandName != "help" }.flatMap { $0.paths(own) }
            }
        }
        let command: Command
    }

    @Test("Every command, nested ones included, shows an example in its help that begins with its own words")
    func examples() async throws {
        try await PGKVMHome.with { home in
            let dump = try await home.check("--experimental-dump-help")
            let paths = try JSONDecoder().decode(Tool.self, from: Data(dump.utf8)).command.paths()
            #expect(paths.count > 25)
            for path in paths {
                let help = try await home.check(arguments: path.dropFirst() + ["--help"])
                let lines = help.split(separator: "\n").map { $0.drop(while: \.isWhitespace) }
                guard let heading = lines.firstIndex(where: { $0 == "EXAMPLE" || $0 == "EXAMPLES" }) else {
                    Issue.record("'\(path.joined(separator: " ")) --help' has no example")
                    continue
                }
                let examples = lines[(heading + 1)...].prefix { $0.contains("pgkvm ") }
                #expect(examples.contains { $0.contains(path.joined(separator: " ")) }, "\(path): \(examples)")
            }
        }
    }

    @Test(
        "A mistyped command is answered with the one that was meant",
        arguments: [(["deplyo", "orders"], "deplyo", "deploy"), (["spec", "chekc", "x.yaml"], "chekc", "check"), (["image", "biuld"], "biuld", "build")])
    func commands(arguments: [String], word: String, meant: String) async throws {
        try await PGKVMHome.with { home in
            let result = try await home.run(arguments)
            #expect(result.status == 64 && result.outputText.isEmpty)
            #expect(result.errorText.contains("there is no command '\(word)'; did you mean '\(meant)'?"), "\(result.errorText)")
        }
    }

    @Test("So is a mistyped option, and a value that is none with those that are")
    func options() async throws {
        try await PGKVMHome.with { home in
            let option = try await home.run("deploy", "orders", "--memroy", "1GiB")
            #expect(option.status == 64 && option.errorText.contains("Did you mean '--memory'?"), "\(option.errorText)")
            let value = try await home.run("deploy", "orders", "--profile", "olpt")
            #expect(value.status == 64 && value.errorText.contains("oltp"), "\(value.errorText)")
        }
    }

    @Test("A mistyped name of an appliance, an image or a spec's key is answered with the one that was meant")
    func names() async throws {
        try await PGKVMHome.with { home in
            let home = home.withOwnCache
            _ = try await home.run("deploy", "orders", "--image", "nosuch", "--data-disk", "1GiB")
            let name = try await home.run("logs", "ordres")
            #expect(name.status == 1 && name.errorText.contains("there is no appliance 'ordres'") && name.errorText.contains("; did you mean 'orders'?"))
            _ = try await BlankDisk.importImage(into: home, name: "blank")
            let image = try await home.run("image", "delete", "balnk")
            #expect(image.status == 1 && image.errorText.contains("there is no image 'balnk' in the cache; did you mean 'blank'?"), "\(image.errorText)")
            let file = home.path.appending("s.yaml")
            try Files.write("formatVersion: 1\nname: orders\nmachine:\n  memroy: 2GiB\n", to: file)
            let key = try await home.run("spec", "check", file.string)
            #expect(key.status == 1 && key.outputText.contains("did you mean 'machine.memory'?"), "\(key.outputText)")
        }
    }
}
