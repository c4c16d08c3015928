internal import Basics
internal import Quoting

/// What the `curl` program reads from its standard input: everything about a request, so that nothing of it is an argument.
struct CurlConfiguration: Equatable {
    private(set) var lines: [String] = []

    mutating func set(_ option: String) { lines.append(option) }

    /// - Throws: `input.invalid` for a value with a control character.
    mutating func set(_ option: String, _ value: String) throws {
        set(option, quoted: try Failure.naming("the value of curl's option '\(option)'") { try CurlValue(value) })
    }

    mutating func set(_ option: String, quoted value: CurlValue) { lines.append("\(option) = \(value)") }

    var text: String { lines.joined(separator: "\n") + "\n" }
}
