internal import ApplianceModel
package import Basics

/// The server writes numbers now as numbers, now as texts, truth as 0 and 1, and leaves out what it does not know.
extension JSONValue {
    /// A text, or a number or truth written as one.
    package var text: String? {
        switch self {
        case .string(let value): value
        case .integer(let value): "\(value)"
        case .number(let value): "\(value)"
        case .bool(let value): value ? "1" : "0"
        case .null, .array, .object: nil
        }
    }

    /// A whole number in any form; a fraction is cut.
    package var count: Int64? {
        switch self {
        case .integer(let value): value
        case .number(let value): Int64(exactly: value.rounded(.towardZero))
        case .string(let value): Int64(value) ?? Double(value).flatMap { Int64(exactly: $0.rounded(.towardZero)) }
        case .bool(let value): value ? 1 : 0
        case .null, .array, .object: nil
        }
    }

    /// A number in any form.
    package var fraction: Double? {
        switch self {
        case .integer(let value): Double(value)
        case .number(let value): value
        case .string(let value): Double(value)
        case .bool(let value): value ? 1 : 0
        case .null, .array, .object: nil
        }
    }

    /// Truth; what is absent or something else is false.
    package var flag: Bool {
        switch self {
        case .bool(let value): value
        case .integer(let value): value != 0
        case .number(let value): value != 0
        case .string(let value): ["1", "yes", "on", "true"].contains(value)
        case .null, .array, .object: false
        }
    }

    /// The elements of a list; none for anything else.
    package var elements: [JSONValue] { array ?? [] }
}
