internal import Basics
internal import HostSystem
internal import SystemPackage
package import Testing

/// Rendered text held against a file that was read by a person when it was committed.
package enum Golden {
    /// Compares with `Tests/Golden/NAME`, outside the targets, to which it would be an unknown resource. With
    /// `PGKVM_UPDATE_GOLDEN=1` in the environment the file is written instead.
    package static func expect(_ text: String, _ name: String, sourceLocation: SourceLocation = #_sourceLocation) throws {
        let path = FilePath(#filePath).removingLastComponent().removingLastComponent().appending("Golden").appending(name)
        if EnvironmentVariable.value("PGKVM_UPDATE_GOLDEN") == "1" {
            try Files.createDirectory(path.removingLastComponent())
            return try Files.write(text, to: path, mode: [.ownerReadWrite, .groupRead, .otherRead])
        }
        let expected = try Files.readText(path)
        guard text != expected else { return }
        let difference = zip(lines(text), lines(expected)).enumerated().first { $0.element.0 != $0.element.1 }
        let detail = difference.map { "line \($0.offset + 1): '\($0.element.0)' instead of '\($0.element.1)'" } ?? "one is longer"
        Issue.record(
            "\(name) is not as committed: \(detail); look at it, then run the test with PGKVM_UPDATE_GOLDEN=1", sourceLocation: sourceLocation)
    }

    private static func lines(_ text: String) -> [Substring] { text.split(separator: "\n", omittingEmptySubsequences: false) }
}
