internal import ApplianceModel
internal import Reports

/// How the guest's packets reach the host.
enum NetworkPathChecks {
    static let group = CheckGroup(name: .network, check: "network.path") { run, _ in
        let target = run.target
        return [judge(try await NetworkPath.current(target), spec: target.spec, hasVhost: NetworkPath.expectsVhost(target))]
    }

    /// The rules, separate from the inspection.
    static func judge(_ path: NetworkPath?, spec: ApplianceSpec, hasVhost: Bool) -> Finding {
        let network = spec.network
        let planned = NetworkPath.planned(spec, hasVhost: hasVhost)
        let expected = "\(planned.name), as the spec's mode '\(network.mode.rawValue)' has it"
        guard let path else {
            return Finding(
                check: "network.path", level: .skip, measured: "the machine is no process that this host shows, or has no network device", expected: expected,
                remedy: "only a process's command line and descriptors tell it")
        }
        // vhost is not a fault even if it was not expected. A machine from the time when slirp was the default keeps it: `network.isolation` reports
        // that.
        let passed = path == planned || path == .planned(spec, hasVhost: true) || network.mode == .user && network.forwarder == .auto && path == .slirp
        return Finding(
            check: "network.path", level: passed ? .pass : .fail, measured: "\(path.name); \(path.consequence)", expected: expected,
            remedy: passed ? nil : "stop and start the appliance")
    }
}
