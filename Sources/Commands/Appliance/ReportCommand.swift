internal import ApplianceModel
internal import ArgumentParser
internal import Basics
internal import Deployment
internal import Reports
internal import Terminal
internal import Verification

struct ReportCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "report", abstract: "Show the last verification, those before it, and what has changed.",
        discussion: """
            Measures nothing. A report is named as --list names it, by 'latest' or 'previous', or by its file.

            EXAMPLES
              pgkvm report orders
              pgkvm report orders --html > orders.html
              pgkvm report orders --compare previous latest
            """)

    @OptionGroup var appliance: NameArgument
    @Option(help: "Form of the report") var format: ReportFormat?
    @Flag(help: "The same as --format html") var html = false
    @Flag(help: "List the stored reports, the oldest first") var list = false
    @Option(
        parsing: .upToNextOption, help: ArgumentHelp("Two reports: show what changed from the first to the second", valueName: "report report"))
    var compare: [String] = []

    /// How many runs the text lists below the report.
    private static let shownRuns = 10

    func validate() throws {
        if html, let format, format != .html { throw ValidationError("--html and --format \(format.rawValue) contradict each other") }
        if !compare.isEmpty, compare.count != 2 { throw ValidationError("--compare takes two reports, such as 'previous latest'; the name goes before it") }
        if list, !compare.isEmpty { throw ValidationError("--list and --compare are two things; choose one") }
        if list || !compare.isEmpty, ![.text, .json].contains(chosen) {
            throw ValidationError("\(list ? "--list" : "--compare") has the forms text and json")
        }
    }

    func run() async throws {
        let opened = try appliance.open()
        if list { return try printList(opened) }
        if !compare.isEmpty { return try printComparison(opened) }
        let history = try ReportStore.history(opened.directory, limit: 100)
        guard let report = try ReportStore.latest(opened.directory) else {
            throw Failure(.noReport, "'\(opened.name)' has not been verified yet", remedy: "pgkvm verify \(opened.name)")
        }
        try chosen.print(report, history: history.dropLast().compactMap(\.report))
        guard chosen == .text, history.count > 1 else { return }
        let rows = history.suffix(Self.shownRuns).map { (name: $0.name.description, report: $0.report) }
        let more = history.count > rows.count ? " (the last \(rows.count); --list shows all)" : ""
        Terminal.print("\n" + Terminal.style.bold("History") + more + "\n" + TextReport.history(rows, style: Terminal.style), style: Terminal.style)
        if let before = history.dropLast().last?.report {
            let change = ReportComparison(before, report)
            if !change.findings.isEmpty { Terminal.print("\n" + TextReport.levelChanges(change, style: Terminal.style), style: Terminal.style) }
        }
    }

    private var chosen: ReportFormat { html ? .html : format ?? .text }

    private func printList(_ opened: Appliance) throws {
        let reports = try ReportStore.history(opened.directory, limit: .max).map { (name: $0.name.description, report: $0.report) }
        if chosen == .json {
            try Terminal.printJSON(reports.map { ReportListing(name: $0.name, report: $0.report) })
        } else if reports.isEmpty {
            Terminal.error("'\(opened.name)' has not been verified yet")
        } else {
            Terminal.print(TextReport.history(reports, style: Terminal.style), style: Terminal.style)
        }
    }

    private func printComparison(_ opened: Appliance) throws {
        let change = ReportComparison(try ReportStore.find(compare[0], in: opened.directory), try ReportStore.find(compare[1], in: opened.directory))
        if chosen == .json {
            try Terminal.printJSON(change)
        } else {
            Terminal.print(TextReport.comparison(change, style: Terminal.style), style: Terminal.style)
        }
    }
}
