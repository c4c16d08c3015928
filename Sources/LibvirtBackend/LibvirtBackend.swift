package import ApplianceModel
internal import Basics
internal import FoundationEssentials
internal import HostSystem
package import MachineBackend
internal import Quoting
package import SystemPackage

/// Machines as domains of a libvirt daemon.
package struct LibvirtBackend: MachineBackend, Sendable {
    package let kind = BackendKind.libvirt
    let choice: ApplianceSpec.Libvirt
    let state: StateDirectory
    /// Whether a daemon of another host must not be asked.
    var isOffline = false

    package init(_ choice: ApplianceSpec.Libvirt, state: StateDirectory) {
        self.choice = choice
        self.state = state
    }

    var virsh: Virsh { Virsh(uri: choice.uri, isOffline: isOffline) }
    var volumes: Volumes { Volumes(virsh: virsh, pool: choice.pool) }

    /// The domain's UUID, which is the deployment's: so it never refers to another deployment's domain.
    func domain(of machine: MachineReference) -> String { machine.deployment.uuid }

    func directory(of machine: MachineReference) throws -> MachineDirectory {
        guard let name = ApplianceName(machine.identifier) else { throw Self.notFound(machine.identifier) }
        return state.appliance(name).machine()
    }

    func load(_ machine: MachineReference) throws -> LibvirtMachine {
        guard let found = try LibvirtMachine.load(from: directory(of: machine)), found.spec.deployment == machine.deployment else {
            throw Self.notFound(machine.identifier)
        }
        return found
    }

    private static func notFound(_ name: String) -> Failure {
        Failure(
            .machineNotFound, "there is no record of the machine of '\(name)'",
            remedy: "restore its machine.json from a backup; 'pgkvm delete \(name)' removes its domain and its volumes, where they are left")
    }

    /// - Parameter directory: the directory of the volumes.
    func text(_ machine: LibvirtMachine, in directory: String) -> DomainText {
        DomainText(
            spec: machine.spec, directory: directory, log: logPath(machine.spec.name, machine.spec.deployment), hasSeed: machine.hasSeed)
    }

    /// The domain, or what a killed `create` left of it.
    package func find(_ deployment: DeploymentID, name: ApplianceName) async throws -> MachineReference? {
        let machine = MachineReference(backend: kind, deployment: deployment, identifier: name.rawValue)
        let isKnown = try LibvirtMachine.load(from: state.appliance(name).machine())?.spec.deployment == deployment
        guard !isKnown else { return machine }
        return try await isDefined(deployment) ? machine : nil
    }

    package func endpoint(of machine: MachineReference, service: GuestService) async throws -> Endpoint? {
        let network = try load(machine).spec.network
        if let endpoint = network.endpoint(service) { return endpoint }
        return try await address(of: machine, network).map { Endpoint(host: "\($0)", port: service.port) }
    }

    /// The address that the guest's agent reports, otherwise that of its card's newest lease.
    private func address(of machine: MachineReference, _ network: NetworkDecision) async throws -> IPv4Address? {
        do {
            let answer = try await virsh.run(
                ["qemu-agent-command", domain(of: machine), #"{"execute":"guest-network-get-interfaces"}"#, "--timeout", "5"], limit: .seconds(30))
            if let cards = try? JSONDecoder().decode(JSONValue.self, from: Data(answer.utf8))["return"],
                let address = GuestCards.address(of: network.macAddress, in: cards)
            {
                return address
            }
        } catch let error as Failure where [.libvirtRefused, .libvirtNotFound].contains(error.code) {
            // The domain does not run, or no agent answers yet.
        }
        guard network.mode == .nat, let name = network.device,
            let leases = try await virsh.runIfFound(["net-dhcp-leases", name, "--mac", network.macAddress])
        else { return nil }
        return Lease.newest(in: leases)
    }
}

/// A line of `net-dhcp-leases`, such as `2026-11-25 17:40:12   52:54:00:aa:bb:cc   ipv4   192.168.122.57/24   orders   …`.
enum Lease {
    /// A guest that was created again may have two leases for the same card.
    static func newest(in text: String) -> IPv4Address? {
        text.split(at: "\n").compactMap { line -> (expiry: String, address: IPv4Address)? in
            let words = line.split(whereSeparator: \.isWhitespace)
            guard words.count >= 5, words[3] == "ipv4", let address = IPv4Address(String(words[4].prefix { $0 != "/" })) else { return nil }
            return ("\(words[0]) \(words[1])", address)
        }.max { $0.expiry < $1.expiry }?.address
    }
}

extension LibvirtBackend: RecordKeeping {
    package func takeOverRecords(of name: ApplianceName, deployment: DeploymentID, network: NetworkDecision?) async throws {
        let directory = state.appliance(name).machine()
        let records = MachineRecords(directory)
        try records.takeOver(MachineDirectory.Record.domain) { _ in }
        try records.takeOver(MachineDirectory.Record.machine) { bytes in
            let file = directory.file(MachineDirectory.Record.machine)
            let found = try LibvirtMachine.decode(bytes, file: file).spec
            guard found.name == name, found.deployment == deployment else {
                throw Failure(
                    .machineFailed, "'\(file)' is not the record of the machine of '\(name)' that the journal tells of, and was not taken over",
                    remedy: "restore it from a backup")
            }
        }
    }
}

extension LibvirtBackend: SerialLogProviding {
    package func serialLog(of machine: MachineReference) -> FilePath? {
        serialLog(of: machine, isRoot: HostEnvironment.isRoot)
    }

    /// Only root may read what virtlogd writes for the system's daemon.
    func serialLog(of machine: MachineReference, isRoot: Bool) -> FilePath? {
        guard choice.isThisHost, choice.isSession || isRoot, let name = ApplianceName(machine.identifier) else { return nil }
        return logPath(name, machine.deployment).map { FilePath($0) }
    }

    /// A path where virtlogd may write: a name that no domain has, since libvirt keeps the domains' own logs there.
    func logPath(_ name: ApplianceName, _ deployment: DeploymentID) -> String? {
        guard choice.isSession else { return "/var/log/libvirt/qemu/\(name)-\(deployment)-serial.log" }
        // The session's daemon and the appliance's directory both belong to the user. The path is part of the domain's definition, and stays.
        return choice.isThisHost ? state.appliance(name).machine().file(MachineDirectory.Record.serialLog).string : nil
    }
}
