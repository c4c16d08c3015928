internal import ApplianceModel

/// What the `curl` program reads from its standard input: everything about a request, so that nothing of it is an argument.
struct CurlConfiguration: Equatable {
    private(set) var lines: [String] = []

    mutating func set(_ option: String) { lines.append(option) }

    /// - Throws: `input.invalid` for a value with a control character, which could begin another option.
    mutating func set(_ option: String, _ value: String) throws {
        guard !value.unicodeScalars.contains(where: { $0.value < 0x20 || $0.value == 0x7f }) else {
            throw Failure(.invalidInput, "the value of curl's option '\(option)' has a control character")
        }
        lines.append("\(option) = \"\(Self.escape(value))\"")
    }

    var text: String { lines.joined(separator: "\n") + "\n" }

    static func escape(_ value: String) -> String { value.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"") }
}
