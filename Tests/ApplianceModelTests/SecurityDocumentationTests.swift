import FoundationEssentials
import Testing

/// A promise without a test is a wish: the page names the tests that hold each.
@Suite("docs/security.md")
struct SecurityDocumentationTests {
    @Test("names for every promise tests that there are")
    func tests() throws {
        let promises = try Self.promises()
        #expect(promises.count >= 20, "rows are not recognised")
        for row in promises {
            let names = Self.names(in: row)
            #expect(!names.isEmpty, "no test holds: \(row)")
            for name in names { #expect(try Self.exists(name), "there is no test '\(name.target).\(name.suite)/\(name.function)'") }
        }
        #expect(try !Self.exists(Name(target: "ApplianceModelTests", suite: "SecurityDocumentationTests", function: "neverWritten")))
        #expect(try !Self.exists(Name(target: "ApplianceModelTests", suite: "NeverWrittenTests", function: "tests")))
    }

    @Test("is what SECURITY.md and README.md lead to")
    func links() throws {
        for page in ["SECURITY.md", "README.md"] { #expect(try Self.text(page).contains("(docs/security.md)"), "\(page)") }
        #expect(try Self.text("README.md").contains("(SECURITY.md)"))
    }

    private struct Name {
        let target: String
        let suite: String
        let function: String
    }

    private static let repository = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    private static func text(_ path: String) throws -> String { try String(contentsOfFile: repository.appending(path: path).path, encoding: .utf8) }

    /// The rows of the tables of promises: those of two columns whose head says so.
    private static func promises() throws -> [Substring] {
        var rows: [Substring] = []
        var isPromise = false
        for line in try text("docs/security.md").split(separator: "\n", omittingEmptySubsequences: false) {
            if line.hasPrefix("| Promise | Held by |") {
                isPromise = true
            } else if !line.hasPrefix("|") {
                isPromise = false
            } else if isPromise, !line.hasPrefix("|---") {
                rows.append(line)
            }
        }
        return rows
    }

    /// `Target.Suite/function`.
    private static func names(in row: Substring) -> [Name] {
        row.matches(of: #/`([A-Za-z]+Tests)\.([A-Za-z]+)/([A-Za-z0-9]+)`/#).map { Name(target: String($0.1), suite: String($0.2), function: String($0.3)) }
    }

    /// Whether a file of the target has the suite and the function, which carries `@Test`.
    private static func exists(_ name: Name) throws -> Bool {
        let directory = repository.appending(path: "Tests/\(name.target)").path
        guard FileManager.default.fileExists(atPath: directory) else { return false }
        for file in try FileManager.default.subpathsOfDirectory(atPath: directory) where file.hasSuffix(".swift") {
            let text = try String(contentsOfFile: "\(directory)/\(file)", encoding: .utf8)
            // An extension names a suite within another by its whole path.
            let declared = text.matches(of: #/\b(?:struct|class|actor|enum|extension)\s+(?:[A-Za-z0-9]+\.)*([A-Za-z0-9]+)/#).map(\.1)
            guard declared.contains(name.suite[...]) else { continue }
            let parts = text.split(separator: "@Test").dropFirst()
            if parts.contains(where: { $0.firstMatch(of: #/\bfunc\s+([A-Za-z0-9]+)/#)?.1 == name.function[...] }) { return true }
        }
        return false
    }
}
