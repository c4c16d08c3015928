internal import ApplianceModel

/// How the guest's packets get to the host.
enum NetworkPathChecks {
    static let group = CheckGroup(name: .network, check: "network.path") { run, _ in
        [judge(try await NetworkPath.current(run.target), mode: run.target.spec.network.mode)]
    }

    /// The rules, apart from the look.
    static func judge(_ path: NetworkPath?, mode: ApplianceSpec.Network.Mode, hasVhost: Bool = NetworkPath.hostHasVhost) -> Finding {
        let planned = NetworkPath.planned(mode, hasVhost: hasVhost)
        let expected = "\(planned.name), as the spec's mode '\(mode.rawValue)' has it"
        guard let path else {
            return Finding(
                check: "network.path", level: .skip, measured: "the machine is no process of this host, or has no network device", expected: expected,
                remedy: "only a process's command line and descriptors tell it")
        }
        return Finding(
            check: "network.path", level: path == planned ? .pass : .fail, measured: "\(path.name); \(path.consequence)", expected: expected,
            remedy: path == planned ? nil : "stop and start the appliance")
    }
}
