internal import ApplianceModel
internal import ArgumentParser
internal import Basics
internal import Deployment
internal import HostSystem
internal import Terminal

struct TopCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "top", abstract: "Show what running appliances use of this host.",
        discussion: """
            VCPU%, IO% and REST% are the guest's processors, the threads of its disks and the rest of QEMU, in per cent of one processor of this host; \
            WAIT% is how long the guest's processors were ready and got none. MEM is what is resident. READ, WRITE and FLUSH are both disks, a second; \
            IN and OUT what clients sent and got over the appliance's two ports, a second. q quits.

            EXAMPLES
              pgkvm top
              pgkvm top orders --threads
              pgkvm top --once --format json
            """)

    @Argument(help: "Appliances to show (all)", completion: .applianceNames) var names: [String] = []
    @Option(help: ArgumentHelp("Seconds between two looks, 0.5 to 3600", valueName: "seconds")) var interval: Double = 2
    @Flag(help: "Print one look and end; so do a pipe and --format json") var once = false
    @Flag(help: "A line for each thread") var threads = false
    @OptionGroup var output: FormatOption

    func validate() throws {
        guard (0.5...3600).contains(interval) else { throw ValidationError("--interval takes 0.5 to 3600 seconds") }
    }

    func run() async throws {
        let sampler = try UsageSampler(names, in: Composition.environment())
        let pause = Duration.milliseconds(Int64(saturating: (interval * 1000).rounded()))
        if !once, output.format == .text, TTY.size != nil, EnvironmentVariable.value("TERM").map({ $0 != "dumb" }) ?? false {
            var view = TopView(sampler: sampler, interval: pause, showsThreads: threads)
            try await view.run()
            return
        }
        let first = try await sampler.sample()
        try await ContinuousClock().sleep(for: pause)
        let report = UsageReport(from: first, to: try await sampler.sample(), processors: HostCPU.current().logicalCPUs)
        if output.format == .json {
            try Terminal.printJSON(report)
        } else {
            Terminal.print(UsageText(report, style: Terminal.style, showsThreads: threads).plain, style: Terminal.style)
        }
    }
}
