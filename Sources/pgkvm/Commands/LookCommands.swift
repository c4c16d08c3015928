internal import ApplianceModel
internal import ArgumentParser
internal import Deployment
internal import Verification

struct ListCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "List the appliances.", discussion: "EXAMPLE\n  pgkvm list --format json", aliases: ["ls"])

    @Flag(help: "Print the names only") var names = false
    @OptionGroup var output: FormatOption

    func run() async throws {
        let environment = try Composition.environment()
        if names {
            for name in try environment.names() { Terminal.print(name.rawValue) }
            return
        }
        let listings = try await ApplianceListing.all(in: environment)
        if output.format == .json {
            try Terminal.printJSON(listings)
        } else if listings.isEmpty {
            Terminal.error("no appliances in \(environment.state.path)")
        } else {
            let rows = listings.map { [$0.name, $0.state, $0.deployment, $0.postgresqlVersion.map(String.init) ?? "-", $0.postgresql?.description ?? "-"] }
            Terminal.print(Table.render([["NAME", "STATE", "DEPLOYMENT", "POSTGRESQL", "ADDRESS"]] + rows))
        }
    }
}

struct StatusCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status", abstract: "Show what an appliance is doing.", discussion: "EXAMPLE\n  pgkvm status orders")

    @OptionGroup var appliance: NameArgument
    @OptionGroup var output: FormatOption

    func run() async throws {
        let summary = try await ApplianceSummary.of(appliance.open())
        if output.format == .json { try Terminal.printJSON(summary) } else { Terminal.print(summary.details) }
    }
}

struct VerifyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify", abstract: "Hold what was asked for against what is there.",
        discussion: "Exits with 2 when a check failed.\n\nEXAMPLE\n  pgkvm verify orders --format json")

    @OptionGroup var appliance: NameArgument
    @OptionGroup var output: FormatOption

    func run() async throws {
        let report = try await appliance.open().verify(VerificationOptions(depth: .quick)) { Terminal.status("checking: \($0)") }
        Terminal.status("")
        if output.format == .json {
            try Terminal.printJSON(report)
        } else {
            Terminal.print(FindingsText.render(report.findings))
        }
        guard report.findings.allPassed else { throw ExitCode(ExitStatus.checksFailed) }
    }
}

/// Findings as a table, and a line that counts them.
enum FindingsText {
    static func render(_ findings: [Finding]) -> String {
        var lines = [Table.render(findings.map { [$0.level.rawValue.uppercased(), $0.check, $0.measured] })]
        for finding in findings where finding.level >= .warn {
            lines.append("\(finding.level.rawValue): \(finding.check): expected \(finding.expected)" + (finding.remedy.map { "; try: \($0)" } ?? ""))
        }
        let counts = Finding.Level.allCases.map { level in "\(findings.count { $0.level == level }) \(level.rawValue)" }
        return (lines + [counts.joined(separator: ", ")]).joined(separator: "\n")
    }
}
