internal import ApplianceModel

/// The keys of the spec file. The order is that of a rendered file. `ApplianceSpec.fields` says what each of them is.
package enum SpecKeys {
    /// Every key, a section before what stands in it.
    package static let all: [SpecKey] = ApplianceSpec.keys

    /// The key of a path; the number of a list's entry makes no difference.
    package static func key(at path: String) -> SpecKey? { all.first { $0.path == path } }

    /// Where else a key would be at home: a full path, for a key that stands in the wrong section.
    static func home(of key: String) -> String? {
        let homes = all.filter { $0.name == key }.map(\.path)
        return homes.count == 1 ? homes.first : nil
    }

    /// The lists whose defaults belong together with that of a key: a file that has one of them has no default of the others.
    static func together(with path: String) -> Set<String> { defaults.contains(path) ? defaults : [path] }

    private static let defaults: Set = ["postgresql.roles", "postgresql.databases"]
}
