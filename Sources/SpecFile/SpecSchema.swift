internal import ApplianceModel
package import Basics

/// The JSON schema of the spec file (draft 2020-12), for editors: completion, and most faults while typing. The reader of the file is stricter: the
/// schema accepts everything that the reader accepts, but not vice versa.
package enum SpecSchema {
    /// The whole schema, as a JSON object.
    package static let document: JSONValue = {
        var members = section("")
        members["$schema"] = .string("https://json-schema.org/draft/2020-12/schema")
        members["title"] = .string("pgkvm spec file")
        return .object(members)
    }()

    /// A mapping with the keys of a section, and no others.
    private static func section(_ path: String) -> [String: JSONValue] {
        let keys = SpecKeys.all.filter { $0.parent == path }
        let required = keys.filter { $0.standard == nil }.map { JSONValue.string($0.name) }
        var members: [String: JSONValue] = [
            "type": .string("object"), "additionalProperties": .bool(false),
            "properties": .object(Dictionary(keys.map { ($0.name, property($0)) }) { first, _ in first }),
        ]
        if !required.isEmpty { members["required"] = .array(required) }
        return members
    }

    private static func property(_ key: SpecKey) -> JSONValue {
        var members = value(key)
        members["description"] = .string(key.meaning + (key.standard.map { " (default: \($0))" } ?? ""))
        return .object(members)
    }

    private static func value(_ key: SpecKey) -> [String: JSONValue] {
        switch key.form {
        case .section: orNothing(section(key.path), "object")
        case .entries: orNothing(["items": .object(section("\(key.path)[]"))], "array")
        // YAML reads `on` as a boolean and `1.1` as a number; the reader takes them as they are written.
        case .words:
            orNothing(["additionalProperties": .object(["type": .array(["string", "number", "boolean"].map { .string($0) })])], "object")
        case .texts(let form): orNothing(["items": .object(text(form))], "array")
        case .text(let form): key.takesNothing ? orNothing(text(form), "string") : text(form)
        case .choice(let words): ["enum": .array(words.map { .string($0) })]
        case .number(let range): bounded(range, isOptional: key.takesNothing)
        case .flag: ["type": .string("boolean")]
        case .port: bounded(SpecLimits.ports, isOptional: key.takesNothing)
        case .size:
            [
                "type": .array([.string("string"), .string("integer")]), "pattern": .string("^[0-9]+ *([KMGTkmgt]([Ii]?[Bb])?|[Bb])?$"), "minimum": .integer(1),
            ]
        }
    }

    private static func text(_ form: TextForm) -> [String: JSONValue] {
        ["type": .string("string")].merging(form.pattern.map { ["pattern": .string($0)] } ?? [:]) { first, _ in first }
    }

    private static func bounded(_ range: ClosedRange<Int>, isOptional: Bool) -> [String: JSONValue] {
        let bounds: [String: JSONValue] = ["minimum": .integer(Int64(range.lowerBound)), "maximum": .integer(Int64(range.upperBound))]
        return isOptional ? orNothing(bounds, "integer") : bounds.merging(["type": .string("integer")]) { first, _ in first }
    }

    /// The same, or a key without a value.
    private static func orNothing(_ members: [String: JSONValue], _ type: String) -> [String: JSONValue] {
        members.merging(["type": .array([.string(type), .string("null")])]) { _, new in new }
    }
}
