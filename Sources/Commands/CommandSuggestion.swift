internal import ApplianceModel
internal import ArgumentParser
internal import Basics
internal import Glibc
internal import Quoting
internal import Terminal

/// Suggests the subcommand for a mistyped one: the parser suggests options only.
enum CommandSuggestion {
    /// Reports what is wrong with the command line, and ends the program as the parser would.
    static func exit(withError error: any Error) -> Never {
        if PGKVMCommand.exitCode(for: error).rawValue == ExitStatus.usage, let (word, meant) = find(Array(CommandLine.arguments.dropFirst())) {
            Terminal.error("Error: there is no command '\(word)'; did you mean '\(meant)'?\nSee 'pgkvm --help' for the commands.")
            Glibc.exit(ExitStatus.usage)
        }
        end(error)
    }

    /// Prints the parser's message about an error, or the requested help, and ends the program with the parser's status.
    static func end(_ error: any Error) -> Never {
        let code = PGKVMCommand.exitCode(for: error)
        let text = PGKVMCommand.fullMessage(for: error)
        if !text.isEmpty { code.isSuccess ? Terminal.printDocument(text) : Terminal.error(text) }
        Glibc.exit(code.rawValue)
    }

    /// The first word that is not a subcommand although one is required, and the subcommand that is similar to it.
    static func find(_ words: [String]) -> (word: String, meant: String)? {
        var command: any ParsableCommand.Type = PGKVMCommand.self
        for word in words where !word.begins(with: "-") {
            let known = command.configuration.subcommands
            if known.isEmpty { return nil }
            if word == "help" { continue }
            if let next = known.first(where: { names($0).contains(word) }) {
                command = next
                continue
            }
            return Suggestion.nearest(to: word, among: known.flatMap(names)).map { (word, $0) }
        }
        return nil
    }

    private static func names(_ command: any ParsableCommand.Type) -> [String] { [command._commandName] + command.configuration.aliases }
}
