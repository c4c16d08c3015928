internal import ApplianceModel
internal import Basics
internal import FoundationEssentials
internal import PostgresServer
internal import Reports
internal import SpecFile
internal import Terminal

@testable internal import Deployment
@testable internal import Verification
@testable internal import Workflow

/// What lies on the disk or is typed by hand: reports, the journal, spec files, sizes.
extension FuzzTarget {
    static let report = FuzzTarget("report", maxLength: 8192) { input in
        var input = input
        switch input.choice(of: 3) {
        case 0: try forms(of: JSONDecoder().decode(Report.self, from: Data(input.bytes)), input)
        case 1:
            let halves = input.halves
            let (before, after) = try (
                JSONDecoder().decode(Report.self, from: Data(halves.first)), JSONDecoder().decode(Report.self, from: Data(halves.second))
            )
            let text = TextReport.comparison(ReportComparison(before, after))
            require(!steersTerminal(text), "a comparison steers the terminal")
        default:
            let all = input
            try forms(of: made(&input), all)
        }
    }

    private static func forms(of report: Report, _ input: FuzzInput) throws {
        let text = TextReport.render(report, style: TextStyle(columns: 60))
        require(!steersTerminal(text), "the report as text steers the terminal: \(text.debugDescription)")
        require(Markup.isWellFormed(JUnitReport.render(report)), "the report as JUnit is no XML")
        // It takes a hundred times as long.
        if input.isOne(of: 100) { try page(of: report) }
        guard let json = try? JSONReport.render(report) else { return }
        // A number may lose its last digit, a text nothing.
        let again = try JSONDecoder().decode(Report.self, from: Data(json.utf8))
        require(again.findings == report.findings, "findings that are others when they are read back")
    }

    private static func page(of report: Report) throws {
        let page = try HTMLReport.render(report, history: [report])
        require(page.firstRange(of: "<script") == nil, "a script came into the report as HTML")
    }

    /// A report whose every text and number is the fuzzer's: JSON by chance would seldom be one.
    private static func made(_ input: inout FuzzInput) -> Report {
        let appliance = input.line()
        let time = input.line()
        let levels = Finding.Level.allCases
        var findings: [Finding] = []
        for _ in 0..<min(8, max(0, input.integer())) {
            let level = levels[Int(input.line().utf8.first ?? 0) % levels.count]
            findings.append(Finding(check: input.line(), level: level, measured: input.line(), expected: input.line(), remedy: input.line()))
        }
        var measurements = Measurements()
        for _ in 0..<min(4, max(0, input.integer())) {
            let unit = MetricUnit.allCases[Int(input.line().utf8.first ?? 0) % MetricUnit.allCases.count]
            measurements.metrics.append(Metric(input.line(), input.number(), unit, better: .lower))
        }
        for _ in 0..<min(3, max(0, input.integer())) {
            measurements.latencies.append(
                LatencyComparison(
                    check: input.line(), work: input.line(), host: distribution(&input), guest: distribution(&input),
                    ratio: Estimate(value: input.number(), low: input.number(), high: input.number()), rounds: input.integer(), inconclusive: nil))
        }
        measurements.settings = [
            SettingRow(name: input.line(), asked: input.line(), inForce: input.line(), source: input.line(), pendingRestart: true, isAsAsked: false)
        ]
        measurements.outputs = [input.line(): input.text]
        return Report(appliance: appliance, time: time, accelerator: .tcg, depth: .full, findings: findings, measurements: measurements)
    }

    private static func distribution(_ input: inout FuzzInput) -> LatencyDistribution {
        let count = input.integer()
        let mean = input.number()
        let points = (0..<min(6, max(0, input.integer()))).map { _ in LatencyDistribution.Point(percent: input.number(), nanoseconds: input.number()) }
        return LatencyDistribution(count: count, meanNanoseconds: mean, points: points)
    }

    static let journal = FuzzTarget("journal") { input in
        var input = input
        switch input.choice(of: 2) {
        case 0: try read(input.bytes)
        default: try read(input.bytes.split(separator: UInt8(ascii: "\n")).flatMap { $0 + JournalLine.suffix(of: $0) + [UInt8(ascii: "\n")] })
        }
    }

    private static func read(_ bytes: [UInt8]) throws {
        let contents = try JournalContents(bytes)
        require(contents.byteCount <= bytes.count, "more whole lines than bytes")
        require(contents.entries.map(\.sequence) == Array(1..<contents.entries.count + 1), "entries out of order")
        for entry in contents.entries { _ = (entry.step, entry.fact, entry.duration, entry.message) }
        let again = try JournalContents(Array(bytes[..<contents.byteCount]))
        require(again.entries == contents.entries && again.warnings.isEmpty, "the whole lines are other entries without the torn one")
    }

    static let spec = FuzzTarget("spec", maxLength: 2048) { input in
        let examined = try SpecFile.examine(input.bytes, file: "spec.yaml")
        for fault in examined.faults { require(!steersTerminal(fault.text(file: "spec.yaml")), "a fault steers the terminal: \(fault.text(file: ""))") }
        guard let spec = examined.spec, examined.faults.isEmpty else { return }
        for text in [SpecFile.render(spec), SpecFile.renderBriefly(spec)] {
            require(try SpecFile.parse(text, file: "spec.yaml") == spec, "a spec that is another when it is read back:\n\(text)")
        }
    }

    static let specDifference = FuzzTarget("spec-difference", maxLength: 2048) { input in
        let halves = input.halves
        let (old, new) = (try SpecFile.parse(halves.first, file: "old"), try SpecFile.parse(halves.second, file: "new"))
        require(SpecDifference.changes(old, old).isEmpty, "a spec differs from itself")
        let (there, back) = (SpecDifference.changes(old, new), SpecDifference.changes(new, old))
        require(Set(there.map(\.path)) == Set(back.map(\.path)), "there and back differ in other values")
        for change in there { require(!steersTerminal(change.text), "a change steers the terminal: \(change.text.debugDescription)") }
    }

    static let sizes = FuzzTarget("sizes", maxLength: 256) { input in
        let text = input.text
        if let size = ByteSize(text) {
            require(size.bytes >= 0, "a size below nothing")
            require(ByteSize("\(size)") == size, "a size that is another when it is read back: \(size)")
            _ = size.mebibytes
        }
        if let (value, unit) = MetricUnit.parse(text) {
            require(value.isFinite && value >= 0, "a limit that is no number")
            for unit in unit.map({ [$0] }) ?? MetricUnit.allCases { _ = unit.text(value) }
        }
        if let limit = try? MetricLimit(text) { require(limit.value.isFinite, "a limit that is no number") }
        _ = Double(text).map { number in MetricUnit.allCases.map { $0.text(number) } + (0...3).map { MetricUnit.fixed(number, $0) } }
    }

    static let redactor = FuzzTarget("redactor", maxLength: 2048) { input in
        var input = input
        let secret = Array(input.lineBytes())
        let result = Redactor(secrets: [secret]).redact(input.bytes)
        // Shorter ones would be found in innocent text, and what a mark is made of stays.
        guard secret.count >= 8, Array("<redacted>".utf8).firstRange(of: secret) == nil else { return }
        let parts = result.split(separator: Array("<redacted>".utf8))
        require(!parts.contains { $0.firstRange(of: secret) != nil }, "a secret is left: \(String(decoding: result, as: UTF8.self).debugDescription)")
    }

    static let serverAnswer = FuzzTarget("server-answer", maxLength: 8192) { input in
        let halves = input.halves
        let present = try? JSONDecoder().decode(PresentServer.self, from: Data(halves.second))
        guard let name = ApplianceName("fuzz") else { return }
        var spec = ApplianceSpec(name: name)
        spec.postgresql.settings = ["work_mem": "64MB", "max_connections": "10"]
        let answer = try ServerAnswer(halves.first)
        let known = ["conf.d/50-pgkvm.conf": "work_mem = 4MB\n"]
        let judgement = ServerJudgement(
            spec, answer: answer, present: present, extensions: [("pg_trgm", "postgresql.databases 'app'"), ("x", "y")], known: known, planned: known)
        for fault in judgement.faults { require(!fault.path.isEmpty, "a fault of nothing") }
    }
}
