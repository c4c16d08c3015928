package import ApplianceModel
internal import Basics
internal import FoundationEssentials
internal import HostSystem
internal import MachineBackend
internal import Reports
internal import Verification
internal import Workflow

/// What `list`, `status` and the end of `deploy` report about an appliance. Its JSON keys are API.
package struct ApplianceSummary: Codable, Sendable {
    package let name: String
    /// The state that the platform reports: running, off, paused, unresponsive, absent.
    package let state: String
    /// Why it is paused, or what is damaged, and what to do about it.
    package let reason: String?
    package let remedy: String?
    /// deployed, incomplete, or damaged if the journal cannot be used.
    package let deployment: String
    /// PostgreSQL's answer: accepting, starting, silent; nil if the machine does not run.
    package let server: String?
    /// Why the last change failed, or that it is under way; nil if there is none.
    package let change: String?
    /// The progress of the host's own start of the appliance; nil if none is under way and none failed.
    package let hostStart: String?
    package let postgresqlVersion: Int?
    package let accelerator: String?
    package let vcpus: Int
    package let memory: String
    package let dataDisk: String
    package let postgresql: Endpoint?
    package let ssh: Endpoint?
    /// The network mode of the spec.
    package let networkMode: String
    /// Whether the guest can be reached only from this host.
    package let isThisHostOnly: Bool
    package let processID: Int32?
    package let verified: String?
    /// Whether the command that prints this changed anything; nil for read-only commands.
    package let changed: Bool?
    package let warnings: [Finding]?

    package static func of(_ appliance: Appliance, changed: Bool? = nil) async throws -> ApplianceSummary {
        let context = appliance.context
        let machine = try await appliance.machine()
        let state = try await appliance.powerState()
        let (reason, remedy): (String?, String?) = if case .paused(let reason, let remedy) = state { (reason, remedy) } else { (nil, nil) }
        let network = try await context.journal.fact(NetworkFact.self)?.decision
        func endpoint(_ service: GuestService) async throws -> Endpoint? {
            if let known = network?.endpoint(service) { return known }
            guard let machine, state == .running else { return nil }
            return try await context.backend.endpoint(of: machine, service: service)
        }
        let verified = try await context.journal.fact(VerifiedFact.self)
        let postgresql = try await endpoint(.postgresql)
        // A guest that reports its own address is queried only once, because each query may take the whole timeout.
        let ssh = network?.endpoint(.ssh) ?? postgresql.map { Endpoint(host: $0.host, port: GuestService.ssh.port) }
        let isConfigured = try await context.journal.fact(ConfigurationFact.self) != nil
        var server: String?
        if let postgresql, state == .running, isConfigured { server = await ServerPresence.word(at: postgresql) }
        let isDown = server != nil && server != "accepting"
        // The machine's actual size, which after a refused change is not the spec's. It stays nil if the platform does not answer.
        var (size, disk) = (CPUDecision?.none, ByteSize?.none)
        if let machine, state != .absent {
            size = try? await context.backend.processor(of: machine)
            disk = try? await context.backend.dataDisk(of: machine)
        }
        let wanted = context.spec
        var processID: Int32?
        if let machine, let provider = context.backend.capabilities.process { processID = try await provider.processID(of: machine) }
        return ApplianceSummary(
            name: appliance.name.rawValue, state: state.word, reason: reason, remedy: remedy,
            deployment: verified == nil ? "incomplete" : "deployed", server: server, change: try await context.pendingChange(),
            hostStart: try await appliance.hostStart(),
            postgresqlVersion: try await context.journal.fact(PackagesFact.self)?.version ?? context.spec.postgresql.version,
            accelerator: try await context.journal.fact(CPUFact.self)?.decision.accelerator.rawValue,
            vcpus: size?.vcpus ?? wanted.machine.vcpus, memory: "\(size?.memory ?? wanted.machine.memory)", dataDisk: "\(disk ?? wanted.dataDisk.size)",
            postgresql: postgresql, ssh: ssh,
            networkMode: context.spec.network.mode.rawValue, isThisHostOnly: context.spec.network.mode == .user,
            processID: processID,
            // The verification applied to a server that answered.
            verified: isDown ? nil : verified?.time,
            changed: changed, warnings: changed == nil ? nil : try ReportStore.latest(appliance.directory)?.findings.filter { $0.level == .warn })
    }

    /// The text at the end of `deploy`.
    package var text: String {
        var lines = [
            changed == false
                ? "'\(name)' is deployed and verified; nothing was changed"
                : "'\(name)' is deployed and verified: PostgreSQL \(postgresqlVersion.map(String.init) ?? "") on \(accelerator?.uppercased() ?? "")"
        ]
        lines.append("  psql \"$(pgkvm connection \(name))\"")
        let address = postgresql?.description ?? "no address"
        lines.append("  \(reach(address))")
        for warning in warnings ?? [] {
            lines.append("warning: \(warning.check): \(warning.measured)" + (warning.remedy.map { "; \($0)" } ?? ""))
        }
        return lines.joined(separator: "\n")
    }

    private func reach(_ address: String) -> String {
        if isThisHostOnly { return "reachable from this host only (\(address))" }
        let others = "'postgresql.allowFrom'" + (networkMode == ApplianceSpec.Network.Mode.nat.rawValue ? ", as far as libvirt's network lets others in" : "")
        return "reachable at \(address), from this host and from \(others)"
    }

    /// The text that `status` prints.
    package var details: String {
        let rows: [(String, String?)] = [
            ("name", name), ("state", state), ("reason", reason), ("remedy", remedy), ("deployment", deployment), ("server", server),
            ("change", change.map { SpecRules.escaped($0, limit: 400) }),
            ("host start", hostStart), ("postgresql", postgresqlVersion.map(String.init)), ("accelerator", accelerator), ("vcpus", "\(vcpus)"),
            ("memory", memory),
            ("data disk", dataDisk), ("address", postgresql?.description), ("ssh", ssh?.description), ("process", processID.map(String.init)),
            ("verified", verified),
        ]
        return rows.compactMap { name, value in value.map { "\(name):".padded(to: 13) + $0 } }.joined(separator: "\n")
    }
}
