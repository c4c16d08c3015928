package import ApplianceModel
internal import Basics
internal import FoundationEssentials
internal import HostSystem
internal import MachineBackend
internal import Reports
internal import Verification
internal import Workflow

/// What `list`, `status` and the end of `deploy` tell of an appliance. Its JSON keys are API.
package struct ApplianceSummary: Codable, Sendable {
    package let name: String
    /// What the platform says: running, off, paused, unresponsive, absent.
    package let state: String
    /// Why it is paused, or what is damaged, and the way on.
    package let reason: String?
    package let remedy: String?
    /// deployed, incomplete, or damaged where the journal cannot be used.
    package let deployment: String
    /// What PostgreSQL answers: accepting, starting, silent; nil where the machine does not run.
    package let server: String?
    /// Why the last change did not come true, or that it is under way; nil when there is none.
    package let change: String?
    /// How the host's own start of the appliance is going; nil when none is under way and none failed.
    package let hostStart: String?
    package let postgresqlVersion: Int?
    package let accelerator: String?
    package let vcpus: Int
    package let memory: String
    package let dataDisk: String
    package let postgresql: Endpoint?
    package let ssh: Endpoint?
    /// The spec's way to the network.
    package let networkMode: String
    /// Whether no other host reaches the guest.
    package let isThisHostOnly: Bool
    package let processID: Int32?
    package let verified: String?
    /// Whether the command that prints this changed anything; nil for commands that only look.
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
        // A guest that says itself where it is, is asked once: each question may take the whole time that it is given.
        let ssh = network?.endpoint(.ssh) ?? postgresql.map { Endpoint(host: $0.host, port: GuestService.ssh.port) }
        let isConfigured = try await context.journal.fact(ConfigurationFact.self) != nil
        var server: String?
        if let postgresql, state == .running, isConfigured { server = await ServerPresence.word(at: postgresql) }
        let isDown = server != nil && server != "accepting"
        // What the machine has, which after a change that was refused is not what the spec asks for. A platform that does not answer leaves that.
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
            // It was said of a server that answered.
            verified: isDown ? nil : verified?.time,
            changed: changed, warnings: changed == nil ? nil : try ReportStore.latest(appliance.directory)?.findings.filter { $0.level == .warn })
    }

    /// What deploy ends with.
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

    /// What status prints.
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
