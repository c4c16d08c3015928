internal import ApplianceModel
internal import Basics

/// One value of a spec, as a difference compares and shows it.
struct SpecValue: Sendable {
    /// The path of its key.
    let key: String
    let path: String
    let text: String
    let size: ByteSize?
    /// A part of the value that must not change.
    let owner: String?
    /// Parts that may be added, but not removed.
    let parts: Set<String>

    /// - Parameter name: identifies one of the key's values, as the path shows it.
    init(_ key: String, _ text: String, of name: String = "", size: ByteSize? = nil, owner: String? = nil, parts: Set<String> = []) {
        self.key = key
        path = key + name
        self.text = text
        self.size = size
        self.owner = owner
        self.parts = parts
    }

    /// Several texts in one: `[a, b]`.
    static func list(_ words: [String]) -> String { "[\(words.joined(separator: ", "))]" }
}
