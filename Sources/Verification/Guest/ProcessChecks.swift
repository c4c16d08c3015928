internal import ApplianceModel
internal import Basics
internal import HostSystem
internal import MachineBackend
internal import Quoting
internal import Reports

/// The machine's process on this host, as /proc shows it: its rights and its resources.
enum ProcessChecks {
    static let group = CheckGroup(name: .guest, check: "process.name") { run, _ in
        let target = run.target
        guard target.spec.machine.isOnThisHost, let provider = target.backend.capabilities.process else {
            return skipped("the machine is no process of this host: look there")
        }
        guard let processID = try await provider.processID(of: target.machine) else {
            // If a platform does not promise a process name, it manages the process itself, and the process may not be visible here.
            if provider.processName(of: target.machine) == nil, try await target.backend.powerState(of: target.machine) == .running {
                return skipped("it runs, and /proc does not show it here: verify as root, on the host and in the namespace of its daemon")
            }
            return [
                Finding(
                    check: "process.name", level: .fail, measured: "no process", expected: "a process of this machine",
                    remedy: "the machine ended, or its pid file is gone: pgkvm status \(target.spec.name)")
            ]
        }
        let status: ProcessStatus
        do {
            status = try ProcessStatus.read(processID)
        } catch let failure as Failure where failure.code == .fileUnreadable {
            return skipped("/proc/\(processID) cannot be read here: verify as root")
        }
        var limits = status.cgroup.flatMap { GroupLimits.read($0) }
        limits?.take(processorGroups: status.processorGroups)
        return findings(
            status, limits, name: provider.processName(of: target.machine), separation: provider.separation(of: target.machine), spec: target.spec,
            accelerator: target.accelerator)
    }

    static let checks =
        ["process.name", "process.threads", "process.user", "process.capabilities", "process.sandbox"]
        + separationChecks + ["process.priority"]
    private static let separationChecks = ["process.namespaces", "process.root", "process.core-dumps"]

    static func skipped(_ reason: String) -> [Finding] {
        checks.map { Finding(check: $0, level: .skip, measured: "not looked at", expected: "a process of this host", remedy: reason) }
    }

    static func findings(
        _ status: ProcessStatus, _ limits: GroupLimits?, name: String?, separation: SeparationPromise, spec: ApplianceSpec, accelerator: Accelerator
    ) -> [Finding] {
        [
            self.name(status, name), threads(status, spec, accelerator), user(status, separation), capabilities(status), sandbox(status),
            namespaces(status, separation), root(status, separation), coreDumps(status, separation), priority(status, limits, spec),
        ]
    }

    private static func name(_ status: ProcessStatus, _ wanted: String?) -> Finding {
        guard let wanted else {
            return Finding(
                check: "process.name", level: .skip, measured: "\(status.name), as QEMU calls itself",
                expected: "a name of its own, on a platform that gives one",
                remedy: "its arguments tell whose it is: ps -C \(status.name) -o pid,args")
        }
        let passed = wanted == status.name
        return Finding(
            check: "process.name", level: passed ? .pass : .warn, measured: status.name.isEmpty ? "nothing" : status.name,
            expected: wanted, remedy: passed ? nil : "ps and top do not show which database it is: stop and start the appliance")
    }

    /// QEMU names the thread of processor n `CPU n/KVM` or `CPU n/TCG`, and those of disks `IO ID`.
    private static func threads(_ status: ProcessStatus, _ spec: ApplianceSpec, _ accelerator: Accelerator) -> Finding {
        let processors = status.threads.filter { $0.begins(with: "CPU ") }
        let kind = accelerator.rawValue.uppercased()
        let expected = "\(spec.machine.vcpus) named CPU n/\(kind)"
        guard !processors.isEmpty else {
            return Finding(
                check: "process.threads", level: .skip, measured: "\(status.threads.count) threads without names of processors", expected: expected,
                remedy: "QEMU was started without debug-threads=on")
        }
        let passed = processors.sorted() == (0..<spec.machine.vcpus).map { "CPU \($0)/\(kind)" }.sorted()
        let disks = status.threads.filter { $0.begins(with: "IO ") && $0 != "IO mon_iothread" }.map { String($0.dropFirst(3)) }
        return Finding(
            check: "process.threads", level: passed ? .pass : .fail,
            measured:
                "\(processors.joined(separator: ", ")); \(disks.isEmpty ? "disks share the main thread" : "disks have their own: \(disks.joined(separator: ", "))")",
            expected: expected,
            remedy: passed ? nil : "the machine does not run as it was made: stop and start the appliance")
    }

    private static func user(_ status: ProcessStatus, _ separation: SeparationPromise) -> Finding {
        var expected = "not root, in any of its ids"
        if case .promised = separation { expected += ", and a user of this machine's own" }
        guard !status.userIDs.isEmpty else { return unsaid("process.user", expected) }
        let isRoot = status.userIDs.contains(0)
        let ids = Set(status.userIDs).sorted().map(String.init).joined(separator: ", ")
        if !isRoot, case .promised(let own) = separation, !status.userIDs.allSatisfy(own.contains) {
            return Finding(
                check: "process.user", level: .warn, measured: "user id \(ids), which other machines of this host may have too", expected: expected,
                remedy:
                    "stop and start the appliance; in a container, give it the ids \(own.lowerBound) to \(own.upperBound) (newuidmap, lxc.idmap) first")
        }
        return Finding(
            check: "process.user", level: isRoot ? .fail : .pass, measured: "user id \(ids)", expected: expected,
            remedy: isRoot ? "whoever breaks out of the guest is root on this host: stop and start the appliance" : nil)
    }

    private static func capabilities(_ status: ProcessStatus) -> Finding {
        guard let effective = status.effectiveCapabilities, let permitted = status.permittedCapabilities else {
            return unsaid("process.capabilities", "none")
        }
        let passed = effective == 0 && permitted == 0
        return Finding(
            check: "process.capabilities", level: passed ? .pass : .fail,
            measured: passed ? "none" : "effective 0x\(String(effective, radix: 16)), permitted 0x\(String(permitted, radix: 16))", expected: "none",
            remedy: passed ? nil : "whoever breaks out of the guest has these powers on this host: stop and start the appliance")
    }

    private static func sandbox(_ status: ProcessStatus) -> Finding {
        let expected = "a filter of system calls, and no new privileges"
        guard let mode = status.seccompMode, let isLocked = status.hasNoNewPrivileges else { return unsaid("process.sandbox", expected) }
        let passed = mode == 2 && isLocked
        let filter = mode == 2 ? "system calls are filtered" : "system calls are not filtered (seccomp mode \(mode))"
        return Finding(
            check: "process.sandbox", level: passed ? .pass : .warn,
            measured: "\(filter), \(isLocked ? "no new privileges" : "new privileges can be had")", expected: expected,
            remedy: passed ? nil : "use a QEMU built with seccomp (and libvirt with seccomp_sandbox in qemu.conf), then stop and start the appliance")
    }

    /// - Parameter own: whether the process has it for itself; nil if /proc does not show it.
    private static func separate(
        _ check: String, _ own: Bool?, measured: String, expected: String, _ separation: SeparationPromise
    ) -> Finding {
        guard let own else { return unsaid(check, expected) }
        if own { return Finding(check: check, level: .pass, measured: measured, expected: expected) }
        let (level, remedy): (Finding.Level, String) =
            switch separation {
            case .promised:
                (.warn, "stop and start the appliance; where that does not help, this host lets root make no namespaces, and QEMU's log has the reason")
            case .impossible(let reason): (.skip, reason)
            case .unknown: (.skip, "the platform decides, such as libvirt by 'namespaces' and 'max_core' in qemu.conf")
            }
        return Finding(check: check, level: level, measured: measured, expected: expected, remedy: remedy)
    }

    private static func namespaces(_ status: ProcessStatus, _ separation: SeparationPromise) -> Finding {
        let all = ProcessStatus.separable
        let own = status.ownNamespaces ?? []
        let shared = all.filter { !own.contains($0) }
        let measured = [own.isEmpty ? nil : "its own: \(own.joined(separator: ", "))", shared.isEmpty ? nil : "this host's: \(shared.joined(separator: ", "))"]
        return separate(
            "process.namespaces", status.ownNamespaces.map { _ in shared.isEmpty }, measured: measured.compactMap(\.self).joined(separator: "; "),
            expected: "its own: \(all.joined(separator: ", "))", separation)
    }

    private static func root(_ status: ProcessStatus, _ separation: SeparationPromise) -> Finding {
        separate(
            "process.root", status.hasOwnRoot, measured: status.hasOwnRoot == true ? "a root directory of its own" : "this host's root directory",
            expected: "a root directory of its own", separation)
    }

    private static func coreDumps(_ status: ProcessStatus, _ separation: SeparationPromise) -> Finding {
        let measured = status.coreLimit == 0 ? "none" : status.coreLimit.map { "up to \($0) bytes" } ?? "without a limit"
        // An ordinary user's process can also do without core dumps.
        let promise: SeparationPromise = if case .impossible = separation { .promised(userIDs: 0...0) } else { separation }
        return separate("process.core-dumps", status.coreLimit == 0, measured: measured, expected: "none: they hold the guest's memory", promise)
    }

    private static func priority(_ status: ProcessStatus, _ limits: GroupLimits?, _ spec: ApplianceSpec) -> Finding {
        let expected = "nice 0 or below, and no limit below what the guest was given"
        guard let nice = status.nice else { return unsaid("process.priority", expected) }
        let lacksMemory = limits?.memory.map { $0 < spec.machine.memory } ?? false
        let lacksProcessors = limits?.processors.map { $0 < Double(spec.machine.vcpus) } ?? false
        let measured = "nice \(nice), cgroup \(status.cgroup ?? "unknown"), \(text(limits))"
        if lacksMemory {
            return Finding(
                check: "process.priority", level: .fail, measured: measured, expected: expected,
                remedy: "the kernel kills the machine when the guest uses its memory: raise memory.max of that cgroup")
        }
        let isLow = nice > 0 || lacksProcessors
        return Finding(
            check: "process.priority", level: isLow ? .warn : .pass, measured: measured, expected: expected,
            remedy: isLow ? "the database waits for this host's other work: renice it, or raise cpu.max of its cgroup" : nil)
    }

    private static func text(_ limits: GroupLimits?) -> String {
        guard let limits else { return "limits unknown (no unified hierarchy)" }
        let bounds = [limits.processors.map { "at most \($0) processors" }, limits.memory.map { "at most \($0.mebibytes) MiB" }].compactMap { $0 }
        return bounds.isEmpty ? "no limits" : bounds.joined(separator: ", ")
    }

    private static func unsaid(_ check: String, _ expected: String) -> Finding {
        Finding(check: check, level: .skip, measured: "/proc does not say", expected: expected, remedy: "this host's kernel does not show it")
    }
}
