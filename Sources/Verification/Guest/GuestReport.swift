internal import BuiltinTemplates
internal import Quoting
internal import SecureShell

/// The `key=value` lines that `guest-report.sh` prints.
struct GuestReport: Sendable {
    private let values: [String: String]
    /// The most characters to keep of one value: it goes into findings unchanged.
    private static let mostOfAValue = 4_096

    init(_ text: String) {
        values = Dictionary(
            text.split(whereSeparator: \.isNewline).compactMap { line in
                let parts = line.split(at: "=", maxSplits: 1, omittingEmptySubsequences: false)
                return parts.count == 2 ? (String(parts[0]), String(parts[1].trimmed.prefix(Self.mostOfAValue))) : nil
            }
        ) { _, last in last }
    }

    func has(_ key: String) -> Bool { values[key] != nil }

    /// Empty for a key that was not printed.
    subscript(_ key: String) -> String { values[key] ?? "" }
}

/// Asks the guest for its report at most once.
actor GuestReportSource {
    private let target: VerificationTarget
    private var question: Task<GuestReport, any Error>?

    /// The command that runs the script.
    static let command: ShellCommand = #"sudo -n env SSH_CONNECTION="$SSH_CONNECTION" sh"#

    init(target: VerificationTarget) { self.target = target }

    func get() async throws -> GuestReport {
        let task =
            question
            ?? Task { [target] in
                let script = GuestScript.guestReport.text("\(target.postgresqlVersion)")
                // The script finds the network card by the variable, which sudo would otherwise remove.
                let result = try await target.shell.check(Self.command, input: Array(script.utf8), timeout: .seconds(180))
                return GuestReport(result.outputText)
            }
        question = task
        return try await withTaskCancellationHandler {
            try await task.value
        } onCancel: {
            task.cancel()
        }
    }
}

extension Substring {
    fileprivate var trimmed: String {
        let start = drop { $0.isWhitespace }
        let end = start.reversed().drop { $0.isWhitespace }
        return String(end.reversed())
    }
}
