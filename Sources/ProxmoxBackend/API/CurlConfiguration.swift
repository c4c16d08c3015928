internal import Basics
internal import Quoting

/// The standard input of the `curl` program: it contains everything about a request, so that no part of the request is an argument.
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
