internal import ApplianceModel

/// The keys of the spec file, in the order in which a file is rendered. `ApplianceSpec.fields` describes each of them.
package enum SpecKeys {
    /// Every key; a section comes before its keys.
    package static let all: [SpecKey] = ApplianceSpec.keys

    /// The key of a path; the index of a list's entry does not matter.
    package static func key(at path: String) -> SpecKey? { all.first { $0.path == path } }

    /// The full path where a key belongs, for a key in the wrong section.
    static func home(of key: String) -> String? {
        let homes = all.filter { $0.name == key }.map(\.path)
        return homes.count == 1 ? homes.first : nil
    }

    /// The lists whose defaults belong together with that of a key: if a file has one of them, the others have no default.
    static func together(with path: String) -> Set<String> { defaults.contains(path) ? defaults : [path] }

    private static let defaults: Set = ["postgresql.roles", "postgresql.databases"]
}
