internal import ApplianceModel
internal import Basics
internal import Deployment
internal import MachineBackend
internal import Quoting

/// QEMU by hand: the part of the plan's own command line that a stop decides, and what has to exist before it.
enum QEMUByHand {
    static func lines(_ stop: StopID, _ subject: ByHandSubject) -> [String] {
        let options = options(of: stop, in: subject.plan.command)
        let opening = stop == .network ? opening(subject.plan.command) : []
        let command = options.isEmpty ? [] : ShellLines.command(opening + [program(subject.plan.command)] + options)
        switch stop {
        case .host:
            return subject.plan.steps.first { $0.id == "check-host" }?.byHand ?? []
        case .disk:
            return ["# space for the whole data disk, reserved at once"] + ["fallocate -l \(subject.spec.dataDisk.size.bytes) data.raw"]
                + ["# the system disk from the image"] + ["qemu-img convert -O qcow2 IMAGE system.qcow2"]
                + ["qemu-img resize system.qcow2 \(subject.spec.machine.systemDisk.size.bytes)"] + command
        case .cpu, .network: return command
        case .image:
            return ["# the seed: three files on a medium labelled 'cidata'"]
                + ShellLines.command(["xorriso", "-as", "mkisofs", "-volid", "cidata", "-joliet", "-rock", "-output", "seed.iso"] + seedFiles(subject))
                + command
        case .review: return ["# the whole machine"] + ShellLines.command(subject.plan.command.map(named))
        case .postgresql: return []
        }
    }

    static func seedFiles(_ subject: ByHandSubject) -> [String] { subject.plan.files.filter { $0.kind == .seed }.map(\.target) }

    /// The command that opens the machine's network and then becomes QEMU, up to the `--` before QEMU's own command. Empty if QEMU opens the network
    /// itself.
    private static func opening(_ command: [String]) -> [String] {
        guard command.count > 1, ["start-passt", "open-network"].contains(command[1]), let end = command.firstIndex(of: "--") else { return [] }
        return ["pgkvm"] + command[1...end].map(named)
    }

    private static func program(_ command: [String]) -> String {
        command.first { $0.contains("qemu-system") }.map { String($0.split(at: "/").last ?? "") } ?? "qemu-system-x86_64"
    }

    /// The options of a command that a stop decides, each with its value.
    private static func options(of stop: StopID, in command: [String]) -> [String] {
        zip(command, command.dropFirst()).flatMap { option, value in self.stop(of: option, value) == stop ? [option, named(value)] : [] }
    }

    private static func stop(of option: String, _ value: String) -> StopID? {
        switch option {
        case "-cpu", "-smp", "-m": .cpu
        case "-machine": value.begins(with: "pflash") ? .image : .cpu
        case "-netdev": .network
        case "-object": value.begins(with: "iothread") ? .disk : nil
        case "-blockdev": node(of: value)
        case "-device": device(value)
        default: nil
        }
    }

    private static func node(of value: String) -> StopID {
        let name = value.split(at: ",").first { $0.begins(with: "node-name=") }?.dropFirst("node-name=".count) ?? ""
        return name.begins(with: "firmware") || name.begins(with: "seed") ? .image : .disk
    }

    private static func device(_ value: String) -> StopID? {
        if value.begins(with: "virtio-net") { return .network }
        guard value.begins(with: "virtio-blk") else { return nil }
        return value.contains("drive=seed") ? .image : .disk
    }

    /// `<MAC address, chosen at the deployment>` as `MAC_ADDRESS`, which a shell reads as one word.
    static func named(_ word: String) -> String {
        word.replacing(#/<([^,>]*)[^>]*>/#) { match in
            match.output.1.uppercased().map { $0.isLetter || $0.isNumber ? String($0) : "_" }.joined()
        }
    }
}
