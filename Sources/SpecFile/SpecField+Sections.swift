internal import ApplianceModel
internal import Quoting

/// Keys with other keys below them.
extension SpecField {
    /// A section that every spec has.
    static func section<Inner: SpecPart>(_ path: String, _ place: SpecPlace<Part, Inner>, _ meaning: String) -> SpecField {
        let key = sectionKey(path, meaning)
        return SpecField(key: key, inner: Inner.keys) { reader, section, part in
            let below = reader.child(section, key.name, Inner.names)
            _ = reader.read(below, into: &part[keyPath: place])
            return true
        } written: { part in
            .section(Inner.entries(part[keyPath: place]))
        } compared: { part in
            Inner.compared(part[keyPath: place])
        }
    }

    /// A section that a spec may leave out.
    /// - Parameter compared: the values that count for this spec; nil if none do.
    static func section<Inner: DefaultPart>(
        _ path: String, _ place: SpecPlace<Part, Inner?>, _ meaning: String, compared: @escaping @Sendable (Part) -> Inner?
    ) -> SpecField {
        let key = sectionKey(path, meaning)
        return SpecField(key: key, inner: Inner.keys) { reader, section, part in
            guard section.has(key.name) else { return true }
            part[keyPath: place] = reader.whole(reader.child(section, key.name, Inner.names))
            return true
        } written: { part in
            part[keyPath: place].map { .section(Inner.entries($0)) }
        } compared: { part in
            Inner.compared(compared(part))
        }
    }

    private static func sectionKey(_ path: String, _ meaning: String) -> SpecKey {
        SpecKey(path, .section, meaning, standard: "the defaults of its keys", change: .byItsKeys)
    }

    /// A list whose entries are sections.
    /// - Parameters:
    ///   - limit: the most entries.
    ///   - compared: makes one value of an entry for the comparison; its path identifies the entry of the same name in the other spec.
    static func entries<Entry: DefaultPart>(
        _ path: String, _ place: SpecPlace<Part, [Entry]>, limit: Int, _ meaning: String, standard: String, change: SpecChangeRule,
        compared: @escaping @Sendable (Entry) -> SpecValue
    ) -> SpecField {
        let key = SpecKey(path, .entries, meaning, standard: standard, change: change)
        return SpecField(key: key, inner: Entry.keys) { reader, section, part in
            guard section.has(anyOf: SpecKeys.together(with: path)) else { return true }
            part[keyPath: place] = reader.items(section, key.name, limit: limit, key.name).compactMap { item, node in
                reader.whole(reader.section(node, at: item, keys: Entry.names))
            }
            return true
        } written: { part in
            .list(part[keyPath: place].map(Entry.entries))
        } compared: { part in
            part[keyPath: place].map(compared)
        }
    }

    /// Keys of any name with one value each.
    static func words(
        _ path: String, _ words: SpecWords, _ place: SpecPlace<Part, [String: String]>, _ meaning: String, change: SpecChangeRule
    ) -> SpecField {
        let key = SpecKey(path, .words, meaning, standard: "none", change: change)
        return SpecField(key: key, inner: []) { reader, section, part in
            part[keyPath: place] = reader.words(section, key.name, words)
            return true
        } written: { part in
            let sorted = part[keyPath: place].sorted { $0.key < $1.key }
            return .section(sorted.map { YAMLEntry(key: YAMLScalar($0.key).text, value: .scalar(YAMLScalar($0.value).text)) })
        } compared: { part in
            part[keyPath: place].sorted { $0.key < $1.key }.map { SpecValue(path, words.shown($0.value), of: ".\($0.key)") }
        }
    }
}

/// The details of a section with keys of any name.
struct SpecWords: Sendable {
    /// The most keys.
    var limit = Int.max
    /// The message for a list or a section in the place of a value.
    let rule: String
    /// An example of what to write instead of a key without a value.
    let example: String
    /// Returns the common spelling of all keys with the same meaning.
    var name: @Sendable (String) -> String = { $0 }
    /// Formats a value in a difference.
    var shown: @Sendable (String) -> String = { $0 }
}
