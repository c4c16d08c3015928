internal import ApplianceModel
internal import Basics
internal import Quoting

/// How the values of one kind are read, written and shown.
struct SpecType<Value: Sendable>: Sendable {
    let form: SpecForm
    /// Whether the key may have no value, which is the same as leaving it out.
    let takesNothing: Bool
    /// - Returns: nil if the key is missing, and if its value is wrong, which has been reported.
    let read: @Sendable (inout SpecReader, Section, String) -> Value?
    /// The value as written after the key, on one line; nil leaves the key out.
    let written: @Sendable (Value) -> String?
    /// The value as shown as a default, and in a difference.
    let shown: @Sendable (Value) -> String

    private init(
        _ form: SpecForm, takesNothing: Bool = false, read: @escaping @Sendable (inout SpecReader, Section, String) -> Value?,
        written: @escaping @Sendable (Value) -> String?, shown: @escaping @Sendable (Value) -> String
    ) {
        self.form = form
        self.takesNothing = takesNothing
        self.read = read
        self.written = written
        self.shown = shown
    }

    /// The same type, except that one value leaves the key out of a file. An earlier pgkvm, which does not know the key, can then read the files with
    /// that value.
    func leftOut(where isLeftOut: @escaping @Sendable (Value) -> Bool) -> SpecType {
        SpecType(form, takesNothing: takesNothing, read: read, written: { isLeftOut($0) ? nil : written($0) }, shown: shown)
    }
}

extension SpecType {
    /// A value that a spec may leave out.
    /// - Parameter unset: the words for no value.
    static func optional<Wrapped>(_ type: SpecType<Wrapped>, unset: String = "none") -> SpecType where Value == Wrapped? {
        SpecType(type.form, takesNothing: true) { reader, section, key in
            section.isNull(key) ? nil : type.read(&reader, section, key).map(Optional.some)
        } written: {
            $0.flatMap(type.written)
        } shown: {
            $0.map(type.shown) ?? unset
        }
    }

    /// - Parameters:
    ///   - limit: the most texts.
    ///   - what: the texts, in the plural, for messages.
    static func texts<Element: CustomStringConvertible>(_ text: SpecText<Element>, limit: Int, _ what: String) -> SpecType where Value == [Element] {
        SpecType(.texts(text.form)) { reader, section, key in
            reader.items(section, key, limit: limit, what).compactMap { reader.text(text, $1, at: $0) }
        } written: {
            SpecValue.list($0.map { YAMLScalar($0.description).text })
        } shown: {
            SpecValue.list($0.map(\.description))
        }
    }
}

extension SpecType where Value: CustomStringConvertible {
    static func text(_ text: SpecText<Value>) -> SpecType {
        SpecType(.text(text.form)) { reader, section, key in
            section.value(key).flatMap { reader.text(text, $0, at: section.path(of: key)) }
        } written: {
            YAMLScalar($0.description).text
        } shown: {
            $0.description
        }
    }

    /// A value without quotes.
    private init(plain form: SpecForm, read: @escaping @Sendable (inout SpecReader, Section, String) -> Value?) {
        self.init(form, read: read, written: \.description, shown: \.description)
    }
}

extension SpecType where Value: RawRepresentable & CaseIterable, Value.RawValue == String {
    static var choice: SpecType {
        SpecType(.choice(Value.allCases.map(\.rawValue)), read: { $0.choice($1, $2) }, written: { YAMLScalar($0.rawValue).text }, shown: \.rawValue)
    }
}

extension SpecType<Int> {
    /// - Parameter range: for the schema; the rules say what is wrong with other numbers.
    static func number(_ range: ClosedRange<Int>) -> SpecType { SpecType(plain: .number(range)) { $0.number($1, $2) } }
}

extension SpecType<UInt16> {
    static var port: SpecType { SpecType(plain: .port) { $0.port($1, $2) } }
}

extension SpecType<ByteSize> {
    static var size: SpecType { SpecType(plain: .size) { $0.size($1, $2) } }
}

extension SpecType<Bool> {
    static var flag: SpecType { SpecType(plain: .flag) { $0.flag($1, $2) } }
}
