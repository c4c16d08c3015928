import ApplianceModel
import FoundationEssentials
import Testing

@Suite("The catalogue of figures")
struct MetricCatalogueTests {
    @Test("has every figure that the sources measure under a written-out id, in the same unit")
    func complete() throws {
        let repository = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        let sources = repository.appending(path: "Sources/Verification").path
        for file in try FileManager.default.subpathsOfDirectory(atPath: sources) where file.hasSuffix(".swift") {
            let text = try String(contentsOfFile: "\(sources)/\(file)", encoding: .utf8)
            for match in text.matches(of: #/\bMetric\(\s*"([^"\\]+)",[^\n]*?\.(nanoseconds|bytesPerSecond|transactionsPerSecond|ratio|count), better/#) {
                #expect(MetricCatalogue.entry(String(match.1))?.unit.rawValue == String(match.2), "\(file): \(match.1)")
            }
        }
    }

    @Test("is in docs/verification.md, figure by figure")
    func documented() throws {
        let repository = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        let page = try String(contentsOfFile: repository.appending(path: "docs/verification.md").path, encoding: .utf8)
        #expect(MetricCatalogue.names.filter { !page.contains("`\($0)`") } == [])
    }
}
