internal import FoundationEssentials

/// The report as JSON: the stored form and the output of `--format json` (docs/report.schema.json).
package enum JSONReport {
    /// - Throws: `EncodingError` for a number that JSON cannot represent.
    package static func render(_ report: Report) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(report), as: UTF8.self)
    }
}
