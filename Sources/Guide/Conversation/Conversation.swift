internal import ApplianceModel
internal import Basics
internal import Deployment
internal import MachineBackend
internal import Quoting
internal import Terminal
internal import Verification

/// A conversation over a terminal: texts that fit on it, and questions that also accept keys as answers.
struct Conversation: Sendable {
    let terminal: any GuideTerminal

    /// Lines that stay free below a part of a text, for the question that waits there.
    private static let roomForQuestion = 2

    func say(_ text: String) { say([.plain(text)]) }

    func say(_ blocks: [Block]) { terminal.show(rendered(blocks)) }

    func rendered(_ blocks: [Block]) -> String { GuideText.render(blocks, style: terminal.style, isPlain: terminal.isPlain) }

    /// Shows a text of any length; if the terminal has too few lines, part by part.
    func page(_ blocks: [Block]) async throws { try await page(rendered(blocks)) }

    func page(_ text: String) async throws {
        var lines = text.split(at: "\n", omittingEmptySubsequences: false)[...]
        while let rows = terminal.rows, case let part = max(3, rows - Self.roomForQuestion), lines.count > part {
            terminal.show(lines.prefix(part).joined(separator: "\n"))
            lines = lines.dropFirst(part)
            switch Reply(try await terminal.ask("-- \(lines.count) more lines: Enter shows them, s leaves them out > ")) {
            case .enter: continue
            default: return
            }
        }
        terminal.show(lines.joined(separator: "\n"))
    }

    func ask(_ prompt: String) async throws -> Reply { Reply(try await terminal.ask(prompt)) }

    /// Asks for yes or no; any answer but a clear yes is a no.
    func agrees(_ question: String) async throws -> Bool {
        let answer = try await terminal.ask("\(question) [y/N] > ")?.trimmed.lowercased()
        return answer == "y" || answer == "yes"
    }

    /// Shows an error's message, and continues.
    func explain(_ error: any Error) { say(TextLines.shown(FailureText.render(error))) }

    /// Shows the end of the guest's console, and of QEMU's and PostgreSQL's logs.
    func showLogs(of name: ApplianceName, in environment: ApplianceEnvironment) async throws {
        guard let appliance = try? Appliance.open(name.rawValue, in: environment), (try? await appliance.machine()) != nil else {
            return say("There is no machine yet, so nothing was logged.")
        }
        var blocks: [Block] = []
        for (source, title) in [(LogSource.process, "QEMU"), (LogSource.serial, "The guest's console"), (LogSource.postgresql, "PostgreSQL")] {
            // PostgreSQL's log is in the guest. A guest that does not run, or does not answer, cannot show it.
            if source == .postgresql, try await appliance.powerState() != .running { continue }
            guard let bytes = try? await appliance.log(source, lines: 12) else { continue }
            let text = String(decoding: bytes, as: UTF8.self)
            guard !text.trimmed.isEmpty else { continue }
            blocks += [.heading("\(title), the last lines"), .commands([TextLines.shown(text)]), .gap]
        }
        guard !blocks.isEmpty else { return say("The logs are empty.") }
        try await page(blocks + [.plain("More: pgkvm logs \(name) [--serial|--qemu]")])
    }

    /// Opens a shell in the guest, or shows why that is not possible.
    func openShell(of name: ApplianceName, in environment: ApplianceEnvironment) async throws {
        do {
            let appliance = try Appliance.open(name.rawValue, in: environment)
            guard try await appliance.machine() != nil else { return say("There is no guest yet: the machine is made by a later step.") }
            say("A shell in the guest; 'exit' comes back here.")
            try await terminal.openShell(in: appliance)
            say("Back in the guide.")
        } catch let error as Failure where error.code == .applianceNotFound {
            say("There is no guest yet: nothing was made.")
        } catch let error as Failure {
            explain(error)
        }
    }
}

/// Texts of several lines, made safe for a terminal.
enum TextLines {
    static func shown(_ text: String) -> String {
        text.split(at: "\n", omittingEmptySubsequences: false).map { TextStyle.shown(String($0)) }.joined(separator: "\n")
    }
}
