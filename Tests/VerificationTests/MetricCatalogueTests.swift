import ApplianceModel
import FoundationEssentials
import Testing

@Suite("The catalogue of figures")
struct MetricCatalogueTests {
    @Test("has every figure that the sources measure, in the same unit; a part of an id that is put in may be anything")
    func complete() throws {
        let repository = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        let sources = repository.appending(path: "Sources/Verification").path
        for file in try FileManager.default.subpathsOfDirectory(atPath: sources) where file.hasSuffix(".swift") {
            let text = try String(contentsOfFile: "\(sources)/\(file)", encoding: .utf8)
            for match in text.matches(of: #/\bMetric\(\s*"([^"]+)",[^\n]*?\.(nanoseconds|bytesPerSecond|transactionsPerSecond|ratio|count), better/#) {
                let (start, end) = Self.ends(match.1)
                #expect(
                    MetricCatalogue.entries.contains { $0.unit.rawValue == match.2 && $0.id.hasPrefix(start) && $0.id.hasSuffix(end) },
                    "\(file): no figure of the catalogue is \(match.1) in \(match.2)")
            }
        }
    }

    /// What an id begins and ends with, before the first and after the last part that is put in.
    private static func ends(_ id: Substring) -> (start: String, end: String) {
        guard let first = id.firstIndex(of: "\\"), let last = id.lastIndex(of: ")") else { return (String(id), String(id)) }
        return (String(id[..<first]), String(id[id.index(after: last)...]))
    }

    @Test("is in docs/verification.md, figure by figure")
    func documented() throws {
        let repository = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        let page = try String(contentsOfFile: repository.appending(path: "docs/verification.md").path, encoding: .utf8)
        #expect(MetricCatalogue.names.filter { !page.contains("`\($0)`") } == [])
    }
}
