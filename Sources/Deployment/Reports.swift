package import ApplianceModel
internal import FoundationEssentials
internal import HostSystem
internal import SystemPackage
package import Verification

/// The reports of an appliance, one file each, named by time.
package enum Reports {
    package static func store(_ report: Report, in directory: ApplianceDirectory) throws {
        try Files.createDirectory(directory.reports)
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        let name = report.time.filter { $0.isNumber || $0 == "T" || $0 == "Z" } + ".json"
        try Files.write(Array(encoder.encode(report)), to: directory.reports.appending(name))
    }

    /// The newest one, nil when there is none.
    /// - Throws: `format.newer`, `file.unreadable`.
    package static func latest(_ directory: ApplianceDirectory) throws -> Report? {
        guard let name = try Files.list(directory.reports).last(where: { $0.hasSuffix(".json") }) else { return nil }
        let path = directory.reports.appending(name)
        do {
            return try VersionedJSON.decode(Report.self, Files.read(path), supported: Report.currentFormat, file: path)
        } catch let error as DecodingError {
            throw Failure(.fileUnreadable, "the report '\(path)' is damaged", remedy: "remove the file, then 'pgkvm verify'", cause: error)
        }
    }
}
