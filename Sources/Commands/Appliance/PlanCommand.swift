internal import ApplianceModel
internal import ArgumentParser
internal import Basics
internal import Deployment
internal import HostSystem
internal import SystemPackage
internal import Terminal
internal import Workflow

struct PlanCommand: WatchedCommand {
    static let configuration = CommandConfiguration(
        commandName: "plan", abstract: "Show what a deployment would do, and do nothing.",
        discussion: """
            Steps with what is there of them, QEMU's command line, the rendered files, space and memory, packages and ports; of an appliance that exists \
            the differences, and whether they can be made in place, need a restart or cannot be made. Keys, passwords and their verifiers are never shown.

            EXAMPLES
              pgkvm plan spec.yaml
              pgkvm plan orders --vcpus 4 --brief
              pgkvm plan spec.yaml --out plan
            """)

    @Argument(help: "Name of the appliance, or a spec file (*.yaml)", completion: .appliancesAndSpecFiles) var target: String
    @OptionGroup var overrides: SpecOptions
    @Flag(help: "Leave the contents of the files out") var brief = false
    @Flag(help: "Ask no other machine: neither a guest that runs nor a platform's server") var offline = false
    @Option(help: ArgumentHelp("Write the plan and every rendered file into a new directory", valueName: "directory"), completion: .directory)
    var out: String?
    @OptionGroup var output: FormatOption
    @OptionGroup(title: "What is shown meanwhile") var progress: ProgressOptions

    func run() async throws {
        let spec = try overrides.spec(for: target)
        let places = try overrides.places(of: target)
        let plan = try await ProgressRenderer.current.activity("plan", "Look at what is there") {
            try await Planner(Composition.environment(), places: places, isOffline: offline).plan(spec)
        }
        if let out { try write(plan, to: FilePath(out)) }
        if output.format == .json { try Terminal.printJSON(plan) } else { Terminal.print(PlanText.render(plan, showsFiles: !brief)) }
    }

    private func write(_ plan: DeploymentPlan, to directory: FilePath) throws {
        guard try !Files.exists(directory) || Files.list(directory).isEmpty else {
            throw Failure(.invalidInput, "'\(directory)' is there and not empty", remedy: "name a directory that is not there yet")
        }
        let own = [("plan.txt", PlanText.render(plan, showsFiles: false) + "\n"), ("plan.json", try Terminal.json(plan) + "\n")]
        let files = plan.files.map { ($0.relativePath, $0.content) } + own
        for (name, content) in files {
            let path = directory.appending(name)
            try Files.createDirectory(path.removingLastComponent())
            try Files.write(content, to: path)
        }
    }
}
