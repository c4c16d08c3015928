internal import ApplianceModel
internal import Basics
internal import HostSystem
package import Terminal
internal import Verification

/// A usage report as lines of text, for a screen of a given size or for a pipe. Pure.
package struct UsageText: Sendable {
    private let report: UsageReport
    private let style: TextStyle
    /// Whether each thread gets a line of its own.
    private let showsThreads: Bool

    package init(_ report: UsageReport, style: TextStyle, showsThreads: Bool = false) {
        self.report = report
        self.style = style
        self.showsThreads = showsThreads
    }

    private static let headings = ["NAME", "PID", "VCPU%", "IO%", "REST%", "WAIT%", "MEM", "READ", "WRITE", "FLUSH", "IN", "OUT"]

    /// For a pipe: every line in full length.
    package var plain: String { (head(columns: nil) + table(columns: nil)).joined(separator: "\n") }

    /// For a screen: no line is longer than the screen is wide, and there are no more lines than fit.
    /// - Parameter foot: the last line, for example the list of keys.
    package func screen(columns: Int, rows: Int, foot: String) -> [String] {
        let head = head(columns: columns)
        let table = table(columns: columns)
        let space = max(0, rows - head.count - 1)
        var body = Array(table.prefix(space))
        if table.count > space, space > 1 {
            let hidden = table.count - space + 1
            body[space - 1] = style.dim(cut("and \(hidden) more lines: a higher window shows them", to: columns))
        }
        return Array((head + body).prefix(max(0, rows - 1))) + [style.dim(cut(foot, to: columns))]
    }

    private func head(columns: Int?) -> [String] {
        let running = report.appliances.count { $0.processID != nil }
        let busy = report.appliances.map(\.totalPercent).reduce(0, +)
        let host = report.host
        var lines = ["appliances: \(running) of \(report.appliances.count) run, using \(Self.percent(busy)) % of \(host.processors * 100) % processor"]
        if let total = host.memoryBytes, let available = host.availableMemoryBytes {
            lines[0] += "; \(Self.size(Double(available)))B of \(Self.size(Double(total)))B memory free"
        }
        if let cpu = host.pressure.cpu, let memory = host.pressure.memory, let io = host.pressure.io {
            lines.append("host pressure (10 s): processor \(Self.percent(cpu)) %, memory \(Self.percent(memory)) %, disk \(Self.percent(io)) %")
        } else {
            lines.append("host pressure: this kernel does not count it")
        }
        return (columns.map { width in lines.map { cut($0, to: width) } } ?? lines) + [""]
    }

    private func table(columns: Int?) -> [String] {
        let rows =
            [Self.headings]
            + report.appliances.flatMap { appliance in
                [cells(appliance)] + (showsThreads ? appliance.rates?.threads.map(Self.cells) ?? [] : [])
            }
        var widths = Self.headings.indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
        if let columns {
            let others = widths.dropFirst().reduce(0, +) + widths.count - 1
            widths[0] = max(4, min(widths[0], columns - others))
        }
        return rows.enumerated().map { index, row in
            let line = row.indices.map { column in
                column == 0 ? cut(row[0], to: widths[0]).padded(to: widths[0]) : row[column].paddedLeft(to: widths[column])
            }.joined(separator: " ").trimmingEnd
            let text = columns.map { cut(line, to: $0) } ?? line
            return index == 0 ? style.bold(text) : text
        }
    }

    private func cells(_ appliance: UsageReport.Appliance) -> [String] {
        let id = appliance.state == "running" || appliance.processID == nil ? appliance.processID.map(String.init) ?? appliance.state : appliance.state
        let memory = appliance.residentBytes.map { Self.size(Double($0)) }
        let rates = appliance.rates
        let figures = [
            rates.map { Self.percent($0.processorPercent) }, rates.map { Self.percent($0.diskThreadPercent) }, rates.map { Self.percent($0.otherPercent) },
            rates?.waitingPercent.map(Self.percent), memory, rates?.readBytesPerSecond.map(Self.size), rates?.writtenBytesPerSecond.map(Self.size),
            rates?.flushesPerSecond.map(Self.count), rates?.receivedBytesPerSecond.map(Self.size), rates?.sentBytesPerSecond.map(Self.size),
        ]
        return [appliance.name, id] + figures.map { $0 ?? "-" }
    }

    private static func cells(_ thread: UsageReport.Thread) -> [String] {
        let busy = percent(thread.busyPercent)
        let place =
            switch QEMUThreadRole(name: thread.name) {
            case .processor: [busy, "", ""]
            case .disk: ["", busy, ""]
            case .other: ["", "", busy]
            }
        return ["  \(TextStyle.shown(thread.name))", ""] + place + [thread.waitingPercent.map(percent) ?? "-"] + Array(repeating: "", count: 6)
    }

    /// Three digits: `0.4`, `12.3`, `184`.
    static func percent(_ value: Double) -> String { MetricText.digits(value) }

    /// At most five characters, in powers of 1024: `0`, `812`, `1.2K`, `340M`, `1023G`.
    static func size(_ value: Double) -> String { scaled(value, by: 1024) }

    /// At most four characters, in powers of 1000.
    static func count(_ value: Double) -> String { scaled(value, by: 1000) }

    private static func scaled(_ value: Double, by factor: Double) -> String {
        var rest = max(0, value)
        var unit = 0
        let units = ["", "K", "M", "G", "T", "P"]
        while rest.rounded() >= factor, unit < units.count - 1 {
            rest /= factor
            unit += 1
        }
        return unit > 0 && rest < 9.95 ? "\(MetricText.fixed(rest))\(units[unit])" : "\(Int(saturating: rest.rounded()))\(units[unit])"
    }

    private func cut(_ text: String, to width: Int) -> String {
        text.count <= width ? text : width < 1 ? "" : text.prefix(width - 1) + (style.hasBlocks ? "…" : "~")
    }

}

extension String {
    /// The text without spaces at the end.
    fileprivate var trimmingEnd: String { String(self[..<(lastIndex { $0 != " " }.map(index(after:)) ?? startIndex)]) }
}

/// Formats numbers for a table.
private enum MetricText {
    /// One decimal below 99.95.
    static func digits(_ value: Double) -> String { value < 99.95 ? fixed(value) : "\(Int(saturating: min(value, 1e9).rounded()))" }

    static func fixed(_ value: Double) -> String {
        let tenths = Int(saturating: (max(0, value) * 10).rounded())
        return "\(tenths / 10).\(tenths % 10)"
    }
}
