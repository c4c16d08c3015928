internal import ApplianceModel
internal import ArgumentParser
internal import Basics
internal import Deployment
internal import MachineBackend
internal import Terminal

struct PriorityCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "priority", abstract: "Show or set how an appliance's process is treated beside others.",
        discussion: """
            What is set is set on the running process, read back, and set again at every start. Without options it shows what is in force and what \
            counts on this host: nice, the session's group, or a control group.

            EXAMPLES
              pgkvm priority orders
              pgkvm priority orders --nice 5
              pgkvm priority orders --cpu-weight 200 --memory-max 12GiB
              pgkvm priority orders --reset
            """)

    @OptionGroup var appliance: NameArgument
    @Option(parsing: .unconditional, help: ArgumentHelp("-20 (goes first) to 19, for every thread and its session", valueName: "number")) var nice: Int?
    @Option(help: ArgumentHelp("1 to 10000 against the other control groups; 100 is usual", valueName: "number")) var cpuWeight: Int?
    @Option(help: ArgumentHelp("Memory that the process may use; not less than the guest's and QEMU's own", valueName: "size")) var memoryMax: ByteSize?
    @Flag(help: "Take back what was set, and forget it") var reset = false
    @OptionGroup var output: FormatOption

    private var wanted: MachinePriority { MachinePriority(nice: nice, cpuWeight: cpuWeight, memoryMax: memoryMax) }

    func validate() throws {
        if let nice, !MachinePriority.niceRange.contains(nice) { throw ValidationError("--nice takes -20 (goes first) to 19") }
        if let cpuWeight, !MachinePriority.cpuWeightRange.contains(cpuWeight) { throw ValidationError("--cpu-weight takes 1 to 10000") }
        guard !reset || wanted.isEmpty else { throw ValidationError("--reset goes alone") }
    }

    func run() async throws {
        let opened = try appliance.open()
        if reset {
            try await opened.resetPriority()
        } else if !wanted.isEmpty {
            try await opened.setPriority(wanted)
        }
        let summary = try await opened.priority()
        if output.format == .json { try Terminal.printJSON(summary) } else { Terminal.print(summary.text) }
    }
}
