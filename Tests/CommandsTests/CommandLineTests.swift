import ApplianceModel
import ArgumentParser
import Basics
import Testing

@testable import Commands

/// The command line, as far as it needs no appliance.
@Suite("The command line")
struct CommandLineTests {
    /// Every command with the words that lead to it.
    private static let all: [(words: [String], command: any ParsableCommand.Type)] = below([], PGKVMCommand.self)

    private static func below(_ words: [String], _ command: any ParsableCommand.Type) -> [(words: [String], command: any ParsableCommand.Type)] {
        command.configuration.subcommands.flatMap { next in
            let words = words + [next._commandName]
            return [(words, next)] + below(words, next)
        }
    }

    /// The words of a line in a shell; nil where a person would read it as more than one command, or as one that the shell changes.
    private static func words(_ line: some StringProtocol) -> [String]? {
        guard !line.contains(where: { "|><$*`;&…".contains($0) }) else { return nil }
        var words: [String] = []
        var word: String?
        var quote: Character?
        for character in line {
            if let open = quote {
                if character == open { quote = nil } else { word = (word ?? "") + String(character) }
            } else if character == "'" || character == "\"" {
                quote = character
                word = word ?? ""
            } else if character == " " {
                if let ended = word { words.append(ended) }
                word = nil
            } else {
                word = (word ?? "") + String(character)
            }
        }
        return quote == nil ? words + (word.map { [$0] } ?? []) : nil
    }

    @Test("There are commands, each of which says in one sentence what it does")
    func abstracts() {
        #expect(Self.all.count > 30)
        for (words, command) in Self.all where command.configuration.shouldDisplay {
            #expect(command.configuration.abstract.hasSuffix("."), "\(words)")
        }
    }

    @Test("Every example of the help is a command line that is understood")
    func examples() throws {
        var count = 0
        for command in [PGKVMCommand.self] + Self.all.map(\.command) {
            for line in command.configuration.discussion.split(separator: "\n") {
                guard let words = Self.words(line.drop { $0 == " " }), words.first == "pgkvm", words.count > 1 else { continue }
                count += 1
                #expect(throws: Never.self, "\(line)") { try PGKVMCommand.parseAsRoot(Array(words.dropFirst())) }
            }
        }
        #expect(count > 30)
    }

    @Test(
        "A mistyped command is answered with the one that was meant",
        arguments: [
            (["deply", "orders"], "deploy"), (["image", "lst"], "list"), (["--quiet", "statsu"], "status"), (["help", "verfy"], "verify"),
        ] as [([String], String)])
    func suggestion(words: [String], meant: String) { #expect(CommandSuggestion.find(words)?.meant == meant) }

    @Test(
        "What is no mistyped command is answered with no other", arguments: [["deploy", "orders"], [], ["--help"], ["xyzzyxyzzy"], ["image", "list", "lst"]])
    func noSuggestion(words: [String]) { #expect(CommandSuggestion.find(words)?.meant == nil) }

    @Test("Failed checks have an exit status of their own")
    func statuses() {
        #expect(ExitStatus.of(Failure(.invalidInput, "no")) == 1)
        #expect(ExitStatus.of(Failure(Failure.Code("verify.failed"), "no")) == 2)
        #expect(PGKVMCommand.exitCode(for: ValidationError("no")).rawValue == ExitStatus.usage)
    }
}
