internal import ApplianceModel
internal import Basics
internal import MachineBackend
internal import Quoting

/// Renders a plan for people.
package enum PlanText {
    /// - Parameter showsFiles: whether to append the rendered files, each in full.
    package static func render(_ plan: DeploymentPlan, showsFiles: Bool = true) -> String {
        let sections = [
            head(plan), section("Steps", steps(plan)), section("Changes", changes(plan)), section("Machine", machine(plan)), section("Host", host(plan)),
            section("Packages", packages(plan)), section("Command", command(plan)), section("Calls", plan.calls.flatMap(call)),
            section("Files", plan.files.map { "\($0.relativePath)" + rights($0) }),
        ]
        return (sections + (showsFiles ? plan.files.filter { $0.kind != .script }.map(file) : []))
            .filter { !$0.isEmpty }.joined(separator: "\n\n")
    }

    /// The summary of the plan: the state of the appliance, and whether the deployment would be refused.
    package static func head(_ plan: DeploymentPlan) -> String {
        let what =
            switch plan.deployment {
            case .new: "is new"
            case .incomplete: "is begun and not complete"
            case .deployed: "is deployed; its machine is \(plan.state)"
            }
        let refusals = plan.refusals
        let verdict =
            if !refusals.isEmpty {
                "it would be refused:\n" + refusals.map { "  \($0)" }.joined(separator: "\n")
            } else if plan.isUnchanged {
                "nothing would be changed"
            } else if plan.changes.isEmpty, !plan.steps.contains(where: { $0.status == .pending }) {
                "no difference is known, but the guest was not asked or does not answer"
            } else {
                "it can be deployed"
            }
        return "'\(plan.name)' \(what); \(verdict)"
    }

    private static func section(_ title: String, _ lines: [String]) -> String {
        lines.isEmpty ? "" : ([title] + lines.map { "  \($0)" }).joined(separator: "\n")
    }

    private static func steps(_ plan: DeploymentPlan) -> [String] {
        plan.steps.map { step in
            let status = "\(step.status.rawValue)".padded(to: 9) + step.id.padded(to: 22)
            return step.status == .pending ? status + step.what + (step.reason.map { " (\($0))" } ?? "") : status + (step.reason ?? "")
        }
    }

    private static func changes(_ plan: DeploymentPlan) -> [String] { plan.changes.map(line) }

    /// `machine.memory: 2GiB → 4GiB: needs a restart of the machine`.
    package static func line(_ change: PlannedChange) -> String {
        "\(change.text): \(effect(change.effect))" + (change.reason.map { " (\($0))" } ?? "")
    }

    private static func effect(_ effect: PlannedChange.Effect) -> String {
        switch effect {
        case .inPlace: "in place"
        case .serverRestart: "needs a restart of the server"
        case .restart: "needs a restart of the machine"
        case .expectation: "changes nothing but what 'verify' expects"
        case .replaced: "the spec is replaced, since there is no machine yet"
        case .impossible: "cannot change"
        }
    }

    /// The machine, one line for each property.
    package static func machine(_ plan: DeploymentPlan) -> [String] {
        let machine = plan.machine
        let disk = machine.disk.map { ", cache \($0.cacheDirect ? "none" : "writeback"), aio \($0.aio.rawValue)\($0.ioThread ? ", I/O thread" : "")" } ?? ""
        let isTried = plan.steps.contains { $0.id == "configure-disk" && $0.status != .done }
        return [
            "accelerator  \(machine.accelerator?.rawValue.uppercased() ?? "none")", "processor    \(machine.vcpus) vCPUs", "memory       \(machine.memory)",
            "system disk  \(machine.systemDisk)", "data disk    \(machine.dataDisk)\(disk)\(isTried ? " (as expected here; the deployment tries it)" : "")",
        ] + plan.ports.map { "\($0.service)".padded(to: 13) + port($0) }
    }

    private static func port(_ port: PlannedPort) -> String {
        switch port.state {
        case .open: "a free port of \(port.address), chosen at the deployment"
        case .free: "\(port.address):\(port.port ?? 0), free"
        case .taken: "\(port.address):\(port.port ?? 0), in use by something else"
        case .kept: "\(port.address):\(port.port ?? 0), kept"
        }
    }

    private static func host(_ plan: DeploymentPlan) -> [String] {
        let resources = plan.resources.map { resource in
            "\(resource.kind.rawValue)".padded(to: 8) + "\(resource.needed.mebibytes) MiB needed, \(resource.available.mebibytes) MiB available"
                + (resource.place.map { " at \($0)" } ?? "")
        }
        let findings = plan.findings.map { finding in
            "\(finding.level.rawValue)".padded(to: 8) + "\(finding.check): \(finding.measured)" + (finding.remedy.map { "; try: \($0)" } ?? "")
        }
        return resources + findings
    }

    private static func packages(_ plan: DeploymentPlan) -> [String] {
        let packages = plan.packages
        let image =
            packages.imageKey.map { "in the cache, \($0.prefix(12))" } ?? (packages.buildsImage ? "built first, which takes minutes" : "not in the cache")
        let server = packages.installed.isEmpty ? "the guest is asked which its distribution has" : packages.installed.joined(separator: " ")
        return ["image       \(packages.image) (\(image))"]
            + (packages.buildsImage ? ["  with      \(packages.inImage.joined(separator: " "))"] : [])
            + ["postgresql  \(server) (\(packages.source))"]
    }

    /// One option a line, so that plans can be compared line by line.
    private static func command(_ plan: DeploymentPlan) -> [String] {
        var lines: [String] = []
        for word in plan.command.map(quoted) {
            if lines.isEmpty || word.begins(with: "-") { lines.append(word) } else { lines[lines.count - 1] += " \(word)" }
        }
        return lines.enumerated().map { index, line in (index == 0 ? line : "  \(line)") + (index < lines.count - 1 ? " \\" : "") }
    }

    /// A request with its parameters, and the lines that describe it.
    private static func call(_ call: MachineRecipe.Call) -> [String] {
        ["\(call.method) \(call.path)"] + call.parameters.map { "    \($0.replacing("\n", by: "\\n"))" } + call.byHand.map { "  by hand: \($0)" }
    }

    /// A word, quoted for a shell.
    package static func quoted(_ word: String) -> String { ShellWord.quoted(word) }

    private static func rights(_ file: PlannedFile) -> String {
        let words = [file.owner, file.mode].compactMap(\.self)
        return words.isEmpty ? "" : " (\(words.joined(separator: " ")))"
    }

    private static func file(_ file: PlannedFile) -> String {
        "--- \(file.relativePath)\n" + (file.content.ends(with: "\n") ? String(file.content.dropLast()) : file.content)
    }
}
