internal import ApplianceModel
internal import Basics

/// A part of the spec that declares which keys of the file it has.
protocol SpecPart: Sendable {
    /// In the order in which a file is rendered.
    static var fields: [SpecField<Self>] { get }
}

/// A part that a file may leave out.
protocol DefaultPart: SpecPart {
    /// The part with the default of every key that has one, and nothing in the others.
    static var standard: Self { get }
}

/// The place of a value in a part of the spec.
typealias SpecPlace<Part, Value> = any WritableKeyPath<Part, Value> & Sendable

/// A key of the spec file, with the conversion of its value from the file into the spec and back. Keys are declared only here: reader, renderer,
/// difference, schema and help use the fields of `ApplianceSpec`.
struct SpecField<Part: Sendable>: Sendable {
    let key: SpecKey
    /// The keys below it.
    let inner: [SpecKey]
    /// Reads the value from the key's section, and reports what is wrong with it.
    /// - Returns: false if the key is required and no value could be read.
    let read: @Sendable (inout SpecReader, Section, inout Part) -> Bool
    /// What to write after the key; nil leaves the key out.
    let written: @Sendable (Part) -> YAMLEntry.Value?
    /// The values that a difference compares.
    let compared: @Sendable (Part) -> [SpecValue]
}

extension SpecField where Part: DefaultPart {
    /// A key with one value, or with a list of texts.
    /// - Parameters:
    ///   - isRequired: whether the section requires the key.
    ///   - standard: the default in words, if they differ from the value of `Part.standard`.
    init<Value>(
        _ path: String, _ type: SpecType<Value>, _ place: SpecPlace<Part, Value>, _ meaning: String, isRequired: Bool = false,
        standard: String? = nil, change: SpecChangeRule
    ) {
        let standard = isRequired ? nil : standard ?? type.shown(Part.standard[keyPath: place])
        let key = SpecKey(path, type.form, meaning, standard: standard, change: change, takesNothing: type.takesNothing)
        self.init(key: key, inner: []) { reader, section, part in
            if isRequired { reader.require(section, key.name) }
            guard let value = type.read(&reader, section, key.name) else { return !isRequired }
            part[keyPath: place] = value
            return true
        } written: { part in
            type.written(part[keyPath: place]).map(YAMLEntry.Value.scalar)
        } compared: { part in
            let value = part[keyPath: place]
            return [SpecValue(path, type.shown(value), size: value as? ByteSize)]
        }
    }
}

extension SpecPart {
    static var names: [String] { fields.map(\.key.name) }

    /// The keys and those below them; a section comes before its keys.
    static var keys: [SpecKey] { fields.flatMap { [$0.key] + $0.inner } }

    static func entries(_ part: Self) -> [YAMLEntry] {
        fields.compactMap { field in field.written(part).map { YAMLEntry(key: field.key.name, value: $0) } }
    }

    /// - Parameter part: nil is compared as a part in which no key has a value.
    static func compared(_ part: Self?) -> [SpecValue] {
        guard let part else { return fields.map { SpecValue($0.key.path, "none") } }
        return fields.flatMap { $0.compared(part) }
    }
}
