internal import ApplianceModel
internal import ArgumentParser
internal import Deployment
internal import Terminal

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
            let rows = listings.map {
                [
                    $0.name, $0.state, $0.deployment + ($0.change == nil ? "" : ", change not made"), $0.server ?? "-",
                    $0.postgresqlVersion.map(String.init) ?? "-", $0.postgresql?.description ?? "-",
                ]
            }
            Terminal.print(Table.render([["NAME", "STATE", "DEPLOYMENT", "SERVER", "POSTGRESQL", "ADDRESS"]] + rows))
        }
    }
}

struct StatusCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status", abstract: "Show what an appliance is doing.",
        discussion: "Exits with 1 when the journal is damaged.\n\nEXAMPLE\n  pgkvm status orders")

    @OptionGroup var appliance: NameArgument
    @OptionGroup var output: FormatOption

    func run() async throws {
        let damaged = try appliance.damaged()
        let summary = if let damaged { try await ApplianceSummary.of(damaged) } else { try await ApplianceSummary.of(appliance.open()) }
        if output.format == .json { try Terminal.printJSON(summary) } else { Terminal.print(summary.details) }
        if damaged != nil { throw ExitCode(ExitStatus.failed) }
    }
}
