internal import ApplianceModel
internal import Basics

/// A part of the spec that says itself which keys of the file it has.
protocol SpecPart: Sendable {
    /// In the order of a rendered file.
    static var fields: [SpecField<Self>] { get }
}

/// A part that a file may leave out.
protocol DefaultPart: SpecPart {
    /// With the default of every key that has one, and nothing in the others.
    static var standard: Self { get }
}

/// Where a value stands in a part of the spec.
typealias SpecPlace<Part, Value> = any WritableKeyPath<Part, Value> & Sendable

/// A key of the spec file, with the way of its value from the file into the spec and back. This is the one place that knows a key: reader, renderer,
/// difference, schema and help go through the fields of `ApplianceSpec`.
struct SpecField<Part: Sendable>: Sendable {
    let key: SpecKey
    /// The keys that stand below it.
    let inner: [SpecKey]
    /// Takes the value from the section that the key stands in, and reports what is wrong with it.
    /// - Returns: false when the key is required and no value could be read.
    let read: @Sendable (inout SpecReader, Section, inout Part) -> Bool
    /// What stands behind the key; nil leaves it out.
    let written: @Sendable (Part) -> YAMLEntry.Value?
    /// What a difference compares.
    let compared: @Sendable (Part) -> [SpecValue]
}

extension SpecField where Part: DefaultPart {
    /// A key with one value, or with a list of texts.
    /// - Parameters:
    ///   - isRequired: whether the section cannot do without it.
    ///   - standard: what stands for it when it is left out, where that takes other words than the value of `Part.standard`.
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

    /// The keys and those below them, a section before what stands in it.
    static var keys: [SpecKey] { fields.flatMap { [$0.key] + $0.inner } }

    static func entries(_ part: Self) -> [YAMLEntry] {
        fields.compactMap { field in field.written(part).map { YAMLEntry(key: field.key.name, value: $0) } }
    }

    /// - Parameter part: nil compares as a part in which no key has a value.
    static func compared(_ part: Self?) -> [SpecValue] {
        guard let part else { return fields.map { SpecValue($0.key.path, "none") } }
        return fields.flatMap { $0.compared(part) }
    }
}
