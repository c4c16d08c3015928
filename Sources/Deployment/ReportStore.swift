package import ApplianceModel
internal import Basics
internal import FoundationEssentials
internal import HostSystem
internal import Quoting
package import Reports
package import SystemPackage

/// The reports of an appliance, one file each, named by time. A second report within the same second ends in `-2`.
package enum ReportStore {
    /// The file name without its ending: `20261122T104500Z`, `20261122T104500Z-2`. Names sort by time.
    package struct Name: Sendable, Hashable, Comparable, CustomStringConvertible {
        package let description: String
        private let stamp: String
        private let number: Int

        package init(_ text: String) {
            description = text
            let parts = text.split(at: "-", maxSplits: 1)
            let number = parts.count == 2 ? Int(parts[1]) : 1
            // Any other name is taken as it is.
            stamp = number == nil ? text : parts.first.map(String.init) ?? text
            self.number = number ?? 1
        }

        package static func < (left: Name, right: Name) -> Bool { (left.stamp, left.number) < (right.stamp, right.number) }
    }

    /// Stores a report beside the others, without replacing any.
    @discardableResult
    package static func store(_ report: Report, in directory: ApplianceDirectory) throws -> Name {
        try Files.createDirectory(directory.reports)
        let bytes = Array(try JSONReport.render(report).utf8)
        let stamp = report.time.filter { $0.isNumber || $0 == "T" || $0 == "Z" }
        var number = 1
        while true {
            let name = Name(number == 1 ? stamp : "\(stamp)-\(number)")
            if try Files.writeNew(bytes, to: path(name, directory)) { return name }
            number += 1
        }
    }

    /// The stored reports, the oldest first.
    package static func names(_ directory: ApplianceDirectory) throws -> [Name] {
        try Files.list(directory.reports).filter { $0.ends(with: ".json") && !$0.begins(with: ".") }.map { Name(String($0.dropLast(5))) }.sorted()
    }

    /// The newest report; nil if there is none.
    /// - Throws: `format.newer`, `file.unreadable`.
    package static func latest(_ directory: ApplianceDirectory) throws -> Report? {
        try names(directory).last.map { try load(path($0, directory)) }
    }

    /// Every stored report, the oldest first; nil stands for one that is damaged or was written by a later pgkvm.
    /// - Parameter limit: the most reports to return; the newest are chosen.
    package static func history(_ directory: ApplianceDirectory, limit: Int) throws -> [(name: Name, report: Report?)] {
        try names(directory).suffix(limit).map { ($0, try? load(path($0, directory))) }
    }

    /// Reads a report from a file.
    /// - Throws: `format.newer`, `file.unreadable`.
    package static func load(_ path: FilePath) throws -> Report {
        do {
            return try VersionedJSON.decode(Report.self, Files.read(path), supported: Report.currentFormat, file: path.string)
        } catch let error as DecodingError {
            throw Failure(
                .fileUnreadable, "the report '\(path)' is damaged, or no report", remedy: "remove it, then 'pgkvm verify'; or name another", cause: error)
        }
    }

    /// Finds the report for a word: a name, `latest`, `previous` (the one before), or a file.
    /// - Throws: `input.invalid`, and the errors of `load`.
    package static func find(_ word: String, in directory: ApplianceDirectory) throws -> Report {
        let names = try names(directory)
        if word.holds("/") || word.ends(with: ".json") && !names.contains(Name(String(word.dropLast(5)))) { return try load(FilePath(word)) }
        let wanted = word.ends(with: ".json") ? String(word.dropLast(5)) : word
        let found: Name? =
            switch wanted {
            case "latest": names.last
            case "previous": names.dropLast().last
            default: names.first { $0.description == wanted }
            }
        guard let found else {
            let known = ["latest", "previous"] + names.map(\.description)
            throw Failure(
                .invalidInput, "there is no report \(SpecRules.shown(word)) among \(names.count)\(Suggestion.text(for: word, among: known))",
                remedy: "'pgkvm report NAME --list' shows them; a file's name works too")
        }
        return try load(path(found, directory))
    }

    private static func path(_ name: Name, _ directory: ApplianceDirectory) -> FilePath { directory.reports.appending("\(name).json") }
}
