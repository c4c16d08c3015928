internal import ApplianceModel
package import Basics

/// The server writes numbers sometimes as numbers and sometimes as text, writes truth values as 0 and 1, and omits what it does not know.
extension JSONValue {
    /// A text, or a number or truth value written as text.
    package var text: String? {
        switch self {
        case .string(let value): value
        case .integer(let value): "\(value)"
        case .number(let value): "\(value)"
        case .bool(let value): value ? "1" : "0"
        case .null, .array, .object: nil
        }
    }

    /// A whole number in any form; a fraction is truncated.
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

    /// A truth value; false when it is absent or of another type.
    package var flag: Bool {
        switch self {
        case .bool(let value): value
        case .integer(let value): value != 0
        case .number(let value): value != 0
        case .string(let value): ["1", "yes", "on", "true"].contains(value)
        case .null, .array, .object: false
        }
    }

    /// The elements of a list; empty for anything else.
    package var elements: [JSONValue] { array ?? [] }
}
