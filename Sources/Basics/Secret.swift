/// A value that never prints: not by description, interpolation, `dump` or encoding.
package struct Secret: Sendable, Equatable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    private let value: String

    package init(_ value: String) { self.value = value }

    package var description: String { "<redacted>" }
    package var debugDescription: String { "<redacted>" }
    package var customMirror: Mirror { Mirror(self, children: []) }

    /// The only way to read the value; where possible, keep everything derived from it inside the closure.
    package func withRevealed<Result>(_ body: (String) throws -> Result) rethrows -> Result { try body(value) }
}
