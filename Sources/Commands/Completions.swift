internal import ApplianceModel
internal import ArgumentParser
internal import Deployment
internal import GuestImage
internal import HostSystem
internal import Quoting
internal import SystemPackage

/// What a shell offers for arguments whose values only this host knows. If the query fails, it offers nothing: an error must not appear in a line
/// that the user is typing.
extension CompletionKind {
    /// The appliances of the state directory.
    static var applianceNames: CompletionKind { .custom { _, _, _ in names() } }

    /// Appliances, and spec files that match the typed text.
    static var appliancesAndSpecFiles: CompletionKind { .custom { _, _, typed in names() + specFiles(typed) } }

    /// The images of the cache, and the releases that can be built.
    static var images: CompletionKind { .custom { _, _, _ in Set(cachedImages() + DebianRelease.allCases.map(\.rawValue)).sorted() } }

    /// The images of the cache.
    static var imagesOfCache: CompletionKind { .custom { _, _, _ in Set(cachedImages()).sorted() } }

    private static func names() -> [String] { (try? Composition.environment().names().map(\.rawValue)) ?? [] }

    private static func cachedImages() -> [String] { (try? Composition.environment().images.list().map(\.name)) ?? [] }

    private static func specFiles(_ typed: String) -> [String] {
        let parent = typed.unicodeScalars.lastIndex(of: "/").map { String(typed[...$0]) } ?? ""
        let names = (try? Files.list(FilePath(parent.isEmpty ? "." : parent))) ?? []
        return names.compactMap { name in
            let path = FilePath(parent + name)
            if Files.isDirectory(path) { return name.begins(with: ".") ? nil : "\(parent)\(name)/" }
            return name.ends(with: ".yaml") || name.ends(with: ".yml") ? parent + name : nil
        }
    }
}
