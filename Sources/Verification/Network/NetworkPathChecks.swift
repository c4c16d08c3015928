internal import ApplianceModel

/// How the guest's packets get to the host.
enum NetworkPathChecks {
    static let group = CheckGroup(name: .network, check: "network.path") { run, _ in
        let target = run.target
        return [judge(try await NetworkPath.current(target), mode: target.spec.network.mode, hasVhost: NetworkPath.expectsVhost(target))]
    }

    /// The rules, apart from the look.
    static func judge(_ path: NetworkPath?, mode: ApplianceSpec.Network.Mode, hasVhost: Bool) -> Finding {
        let planned = NetworkPath.planned(mode, hasVhost: hasVhost)
        let expected = "\(planned.name), as the spec's mode '\(mode.rawValue)' has it"
        guard let path else {
            return Finding(
                check: "network.path", level: .skip, measured: "the machine is no process that this host shows, or has no network device", expected: expected,
                remedy: "only a process's command line and descriptors tell it")
        }
        // vhost where none was expected is no fault.
        let passed = path == planned || path == .planned(mode, hasVhost: true)
        return Finding(
            check: "network.path", level: passed ? .pass : .fail, measured: "\(path.name); \(path.consequence)", expected: expected,
            remedy: passed ? nil : "stop and start the appliance")
    }
}
