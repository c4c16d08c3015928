internal import ApplianceModel
package import Basics
internal import Quoting

/// A command line for the guest's shell, in which every interpolated value is quoted.
///
/// It can only be made from a literal, so text from elsewhere never becomes syntax. Secrets go through `input:`, never in here.
package struct ShellCommand: Sendable, Equatable, ExpressibleByStringInterpolation {
    package let text: String

    package struct StringInterpolation: StringInterpolationProtocol {
        fileprivate var text = ""

        package init(literalCapacity: Int, interpolationCount: Int) {
            text.reserveCapacity(literalCapacity + interpolationCount * 16)
        }

        package mutating func appendLiteral(_ literal: StaticString) { text += literal.description }

        /// Adds one word to the command line, whatever it contains.
        package mutating func appendInterpolation(_ value: some CustomStringConvertible) { text += ShellWord(value.description).text }

        /// Adds each value as a separate word, with spaces in between.
        package mutating func appendInterpolation(list values: [String]) { text += values.map { ShellWord($0).text }.joined(separator: " ") }

        @available(*, unavailable, message: "a secret goes by 'input:', never in the command")
        package mutating func appendInterpolation(_ value: Secret) {}
    }

    package init(stringLiteral value: StaticString) { text = value.description }
    package init(stringInterpolation: StringInterpolation) { text = stringInterpolation.text }

    /// The start of the command, for messages.
    package var summary: String {
        let line = text.split(at: "\n", omittingEmptySubsequences: true).first.map(String.init) ?? ""
        return line == text && line.count <= 120 ? line : "\(line.prefix(120))…"
    }

    /// The bytes to send.
    /// - Throws: `input.invalid` when it contains a NUL: the shell would stop reading there.
    func bytes() throws -> [UInt8] {
        let bytes = Array(text.utf8)
        guard !bytes.contains(0) else { throw Failure(.invalidInput, "a NUL byte cannot be in a command: \(summary.replacing("\0", by: "\\0"))") }
        return bytes
    }
}
