import FoundationEssentials
import Testing

/// The ids of the checks are API: a page tells what each measures.
@Suite("docs/verification.md")
struct DocumentationTests {
    @Test("has a section for every check of the sources, and none for a check that is not there")
    func complete() throws {
        let checks = try Self.checks()
        let sections = try Self.sections()
        // Patterns that find nothing would agree about it.
        #expect(checks.isSuperset(of: ["cpu.aes", "cpu.count", "disk.driver", "host.kvm", "postgresql.connection"]))
        #expect(checks.subtracting(sections).sorted() == [])
        #expect(sections.subtracting(checks).sorted() == [])
    }

    private static let repository = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    /// Ids that follow the label `check:`, and in the target of the checks also those that a helper takes first.
    private static func checks() throws -> Set<String> {
        var ids: Set<String> = []
        let sources = repository.appending(path: "Sources").path
        for file in try FileManager.default.subpathsOfDirectory(atPath: sources) where file.hasSuffix(".swift") {
            let text = try String(contentsOfFile: "\(sources)/\(file)", encoding: .utf8)
            ids.formUnion(text.matches(of: #/check: "([a-z]+\.[a-z-]+)"/#).map { String($0.1) })
            guard file.hasPrefix("Verification/") else { continue }
            ids.formUnion(text.matches(of: #/[a-z]\(\s*"([a-z]+\.[a-z-]+)",/#).map { String($0.1) })
        }
        return ids
    }

    private static func sections() throws -> Set<String> {
        let page = try String(contentsOfFile: repository.appending(path: "docs/verification.md").path, encoding: .utf8)
        return Set(page.matches(of: #/\n### `([a-z.-]+)`/#).map { String($0.1) })
    }
}
