internal import ApplianceModel
internal import ArgumentParser
internal import Basics
internal import Deployment
internal import HostSystem
internal import Reports
internal import Synchronization
internal import SystemPackage
internal import Terminal
internal import Verification
internal import Workflow

/// The output formats of a report.
enum ReportFormat: String, ExpressibleByArgument, CaseIterable {
    case text, json, junit, html

    /// - Parameter history: earlier reports, the oldest first; only HTML shows them.
    func render(_ report: Report, history: @autoclosure () throws -> [Report]) throws -> String {
        switch self {
        case .text: TextReport.render(report, style: Terminal.style)
        case .json: try JSONReport.render(report)
        case .junit: JUnitReport.render(report)
        case .html: try HTMLReport.render(report, history: history())
        }
    }

    /// Prints a report: as text for people, otherwise as a document.
    func print(_ report: Report, history: @autoclosure () throws -> [Report]) throws {
        let text = try render(report, history: history())
        if self == .text { Terminal.print(text, style: Terminal.style) } else { Terminal.printDocument(text) }
    }
}

/// How much to verify; neither flag means the measurements of about two minutes.
enum DepthFlag: String, EnumerableFlag {
    case quick, full

    static func help(for value: DepthFlag) -> ArgumentHelp? {
        switch value {
        case .quick: "Look and ask only: nothing that a busy database would feel"
        case .full: "More rounds; ends the postmaster once with SIGKILL to see it come back"
        }
    }
}

struct VerifyCommand: WatchedCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify", abstract: "Hold what was asked for against what is there, and measure it.",
        discussion: """
            Exits with 2 when a check failed, which a limit that is exceeded is too. The report is stored: 'pgkvm report' shows it again.

            EXAMPLES
              pgkvm verify orders --quick
              pgkvm verify orders --only cpu,disk --limit disk.write-latency.p99=5ms
              pgkvm verify orders --format html > orders.html
            """)

    @OptionGroup var appliance: NameArgument
    @Option(
        help: ArgumentHelp("Groups of checks to run: \(GroupName.allCases.map(\.rawValue).joined(separator: ", "))", valueName: "group,…"),
        completion: .list(GroupName.allCases.map(\.rawValue)))
    var only: [String] = []
    @Flag(exclusivity: .exclusive) var depth: DepthFlag?
    @Option(help: ArgumentHelp("Interleaved rounds of each measurement, 1 to 1000", valueName: "number")) var rounds: Int?
    @Flag(help: "End QEMU once with SIGKILL, start it again and look for a committed row: the appliance is away meanwhile") var killMachine = false
    @Option(
        help: ArgumentHelp("Bound of a figure, METRIC=VALUE, such as disk.write-latency.p99=5ms; may be given more than once", valueName: "limit"),
        completion: .list(MetricCatalogue.names.map { "\($0)=" }))
    var limit: [String] = []
    @Option(help: ArgumentHelp("Former report (JSON) to hold the figures against", valueName: "file"), completion: .file(extensions: ["json"]))
    var baseline: String?
    @Option(help: "Form of the report") var format: ReportFormat = .text
    @Flag(help: "Print what each group of checks took, and the tool's own share") var timings = false
    @OptionGroup(title: "What is shown meanwhile") var progress: ProgressOptions

    func validate() throws { _ = try usage { try options(baseline: nil) } }

    func run() async throws {
        let started = ContinuousClock.now
        let opened = try appliance.openForWork()
        let options = try options(baseline: baseline.map { try ReportStore.load(FilePath($0)) })
        let times = Mutex<[(GroupName, Duration)]>([])
        let earlier = format == .html ? try ReportStore.history(opened.directory, limit: 100).compactMap(\.report) : []
        let report = try await ProgressRenderer.current.activity("verify", "Verify '\(opened.name)'") {
            try await opened.verify(
                options, progress: { StepProgress.report("checking: \($0)") },
                timed: { group, duration in times.withLock { $0.append((group, duration)) } })
        }
        try format.print(report, history: earlier)
        if timings { ProgressRenderer.current.note(VerifyTimings.render(times.withLock { $0 }, wall: .now - started)) }
        guard report.findings.allPassed else { throw ExitCode(ExitStatus.checksFailed) }
    }

    private func options(baseline: Report?) throws -> VerificationOptions {
        let depth: Depth =
            switch depth {
            case .quick: .quick
            case .full: .full
            case nil: .standard
            }
        if depth == .quick, rounds != nil || killMachine {
            throw ValidationError("--quick measures nothing: leave it out, or \(rounds != nil ? "--rounds" : "--kill-machine")")
        }
        if let rounds, !(1...1000).contains(rounds) { throw ValidationError("--rounds takes 1 to 1000") }
        let limits = try limit.map { try MetricLimit($0) }
        let twice = Dictionary(grouping: limits, by: \.metric).first { $0.value.count > 1 }
        if let twice { throw ValidationError("'\(twice.key)' has more than one --limit") }
        return VerificationOptions(
            depth: depth, groups: only.isEmpty ? GroupName.allCases : try GroupName.parse(only.joined(separator: ",")), rounds: rounds,
            killsMachine: killMachine, limits: limits, baseline: baseline)
    }
}

/// Reports what is wrong with an option as a usage error.
func usage<Value>(_ body: () throws -> Value) throws -> Value {
    do {
        return try body()
    } catch let failure as Failure {
        throw ValidationError(failure.message + (failure.remedy.map { " (\($0))" } ?? ""))
    }
}

/// The time that each group of checks took, and the rest that the tool itself took.
enum VerifyTimings {
    static func render(_ groups: [(GroupName, Duration)], wall: Duration) -> String {
        var order: [GroupName] = []
        var sums: [GroupName: Duration] = [:]
        for (group, duration) in groups {
            if sums[group] == nil { order.append(group) }
            sums[group, default: .zero] += duration
        }
        let checks = sums.values.reduce(.zero, +)
        let rows =
            order.map { ["checks: \($0.rawValue)", (sums[$0] ?? .zero).formattedSeconds] } + [
                ["total", wall.formattedSeconds], ["the tool itself, besides the checks", (wall - checks).formattedSeconds],
                ["its peak memory", "\(HostMemory.peakOfThisProcess.mebibytes) MiB"],
            ]
        return Table.render(rows)
    }
}
