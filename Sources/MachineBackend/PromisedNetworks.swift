package import ApplianceModel
package import Basics
internal import FoundationEssentials
internal import HostSystem

/// The networks that are promised to the machines of a state directory, whether they run or not. All platforms of this host write them in
/// the same format, so that each one sees what the others have promised.
package struct PromisedNetworks: Sendable {
    /// The network of a machine whose record can be read.
    package struct Known: Sendable {
        package let name: ApplianceName
        package let network: NetworkDecision
    }

    package let known: [Known]
    /// Ports on this host's loopback interface.
    package let ports: Set<UInt16>
    /// The appliances whose record is so damaged that their ports are unknown.
    package let unknown: [ApplianceName]

    /// - Throws: `file.unreadable` for the state directory itself. An unreadable record is not an error: no appliance may prevent the
    ///   deployment of another one.
    package init(in state: StateDirectory) throws {
        var known: [Known] = []
        var ports: Set<UInt16> = []
        var unknown: [ApplianceName] = []
        for name in try Files.list(state.path).compactMap({ ApplianceName($0) }) {
            let bytes: [UInt8]?
            do {
                bytes = try MachineRecords(state.appliance(name).machine()).read(MachineDirectory.Record.machine)
            } catch {
                unknown.append(name)
                continue
            }
            guard let bytes else { continue }
            if let record = try? JSONDecoder().decode(Record.self, from: Data(bytes)) {
                known.append(Known(name: name, network: record.spec.network))
                ports.formUnion(record.spec.network.hostPorts)
            } else if let found = Self.ports(in: bytes) {
                ports.formUnion(found)
            } else {
                unknown.append(name)
            }
        }
        self.known = known
        self.ports = ports
        self.unknown = unknown
    }

    /// The part of `machine.json` that describes the network. It is the same in every format so far.
    private struct Record: Decodable {
        struct Spec: Decodable { let network: NetworkDecision }
        let spec: Spec
    }

    /// Both ports of a record that is damaged elsewhere; nil where one of them is lost. A guest with its own address uses no port of this host.
    private static func ports(in bytes: [UInt8]) -> Set<UInt16>? {
        let text = String(decoding: bytes, as: UTF8.self)
        guard text.firstMatch(of: /"mode"\s*:\s*"(?:bridge|nat|tap)"/) == nil else { return [] }
        var ports: Set<UInt16> = []
        for match in text.matches(of: /"(?:sshPort|postgresqlPort)"\s*:\s*(?<port>[0-9]{1,5})(?![0-9])/) {
            if let port = UInt16(match.port) { ports.insert(port) }
        }
        return ports.count == 2 ? ports : nil
    }

    /// Whether a port is neither promised to a machine nor used by a program.
    package func isFree(_ port: UInt16) -> Bool { !ports.contains(port) && Sockets.isPortFree(port) }

    /// Checks that a port can be chosen where the spec does not name one.
    /// - Throws: `network.ports-unknown` when some promised ports are unknown.
    package func checkPicking(_ wanted: ApplianceSpec.Network) throws {
        guard let name = unknown.first, wanted.mode == .user, wanted.sshPort == nil || wanted.postgresqlPort == nil else { return }
        throw Failure(
            .networkPortsUnknown, "'machine.json' of '\(name)' is damaged, so the ports that are kept for it are not known",
            remedy: "restore the file from a backup, or choose ports in the spec: network.sshPort and network.postgresqlPort")
    }

    /// The two ports on this host for a new machine.
    /// - Throws: `network.port-in-use` for a requested port that is not free; what `checkPicking` throws.
    package func pickPorts(_ wanted: ApplianceSpec.Network) throws -> (ssh: UInt16, postgresql: UInt16) {
        try checkPicking(wanted)
        let ssh = try Sockets.promisePort(
            wanted.sshPort, key: "network.sshPort", promised: ports.union(wanted.postgresqlPort.map { [$0] } ?? []))
        return (ssh, try Sockets.promisePort(wanted.postgresqlPort, key: "network.postgresqlPort", promised: ports.union([ssh])))
    }

    /// Checks that an address does not belong to another guest, running or not.
    /// - Throws: `network.taken`.
    package func checkAddress(_ wanted: ApplianceSpec.Network) throws {
        guard case .own(let own) = wanted.address, let other = known.first(where: { $0.network.address == own.address }) else { return }
        throw Failure(.networkTaken, "network.address: \(own.address) is the address of '\(other.name)'", remedy: "give the guest another address")
    }

    /// Checks that a tap device does not lead to another guest.
    /// - Throws: `network.taken`.
    package func checkTap(_ wanted: ApplianceSpec.Network) throws {
        guard wanted.mode == .tap, let device = wanted.device,
            let other = known.first(where: { $0.network.mode == .tap && $0.network.device == device })
        else { return }
        throw Failure(.networkTaken, "network.device: '\(device)' leads to the guest of '\(other.name)'", remedy: "name another tap device")
    }
}

extension Failure.Code {
    /// The tap device or the address belongs to another appliance.
    package static let networkTaken = Failure.Code("network.taken")
    /// The ports of another appliance are unknown.
    package static let networkPortsUnknown = Failure.Code("network.ports-unknown")
}
