import FoundationEssentials
import Testing

/// The codes of errors are stable names: a page tells what each means and what helps.
@Suite("docs/troubleshooting.md")
struct ErrorCodeDocumentationTests {
    @Test("has one row for every error code of the sources, and none for a code that is not there")
    func complete() throws {
        let codes = try Self.codes()
        let rows = try Self.rows()
        // Patterns that find nothing would agree about it.
        #expect(codes.isSuperset(of: ["appliance.busy", "journal.damaged", "postgres.query-failed", "timed-out"]))
        #expect(codes.subtracting(rows).sorted() == [])
        #expect(Set(rows).subtracting(codes).sorted() == [])
        #expect(rows.count == Set(rows).count, "a code has two rows")
    }

    private static let repository = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    /// `Failure.Code("…")`.
    private static func codes() throws -> Set<String> {
        var codes: Set<String> = []
        let sources = repository.appending(path: "Sources").path
        for file in try FileManager.default.subpathsOfDirectory(atPath: sources) where file.hasSuffix(".swift") {
            let text = try String(contentsOfFile: "\(sources)/\(file)", encoding: .utf8)
            codes.formUnion(text.matches(of: #/[^A-Za-z]Code\("([a-z0-9.-]+)"\)/#).map { String($0.1) })
        }
        return codes
    }

    private static func rows() throws -> [String] {
        let page = try String(contentsOfFile: repository.appending(path: "docs/troubleshooting.md").path, encoding: .utf8)
        return page.matches(of: #/\n\| `([a-z0-9.-]+)` \|/#).map { String($0.1) }
    }
}
