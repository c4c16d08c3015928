internal import FoundationEssentials

/// The report as JSON: what is stored and what `--format json` prints (docs/report.schema.json).
package enum JSONReport {
    /// - Throws: `EncodingError` for a number that JSON does not have.
    package static func render(_ report: Report) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(report), as: UTF8.self)
    }
}
