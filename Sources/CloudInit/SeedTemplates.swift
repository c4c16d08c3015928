internal import CloudInitTemplates
internal import HostSystem
package import SystemPackage

/// The templates that a seed is rendered from.
package struct SeedTemplates: Sendable, Equatable {
    package var userData: String
    package var metaData: String
    package var networkConfig: String

    /// The program's built-in templates.
    package static let builtin = SeedTemplates(
        userData: CloudInitTemplates.userData, metaData: CloudInitTemplates.metaData, networkConfig: CloudInitTemplates.networkConfig)

    /// The templates in a directory, named `user-data`, `meta-data` and `network-config`; the built-in template replaces a missing one.
    /// - Throws: `file.unreadable`.
    package static func load(from directory: FilePath) throws -> SeedTemplates {
        func text(_ name: String, _ fallback: String) throws -> String {
            try Files.readIfPresent(directory.appending(name)).map { String(decoding: $0, as: UTF8.self) } ?? fallback
        }
        return SeedTemplates(
            userData: try text("user-data", builtin.userData), metaData: try text("meta-data", builtin.metaData),
            networkConfig: try text("network-config", builtin.networkConfig))
    }
}
