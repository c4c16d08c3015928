internal import ApplianceModel
package import Basics
internal import HostSystem
internal import MachineBackend
internal import Quoting
package import SystemPackage

/// User networking through passt instead of inside QEMU. Like `NetworkHandover`, it is a command of this program in front of QEMU's own: it
/// starts passt and becomes the command that follows, and passt ends with it.
///
/// The guest finds the same network as with slirp, except for this host: the guest cannot reach any of the host's own addresses. This includes
/// its loopback interface, and so the other appliances. passt's options alone do not ensure that: `FrameFilter` does, in a process between the two.
package struct PasstForwarding: Sendable, Equatable {
    /// The hidden command of this program.
    package static let commandName = "start-passt"
    /// The QEMU options that name the descriptor.
    static let netdev = "stream,id=net0,server=off,addr.type=fd,addr.str=3"

    /// The port of 127.0.0.1 for each of the guest's ports.
    package var forwards: [Forward]
    /// The user that passt runs as; nil for the caller.
    package var user: QEMUUser.IDs?

    /// A port of the guest, and the port of 127.0.0.1 that leads to it: `22:40022`.
    package struct Forward: Sendable, Equatable, LosslessStringConvertible {
        package let guest: UInt16
        package let host: UInt16

        init(guest: UInt16, host: UInt16) {
            self.guest = guest
            self.host = host
        }

        /// Nil for anything but two ports with a colon between them.
        package init?(_ description: String) {
            let parts = description.split(at: ":").map { UInt16($0) }
            guard parts.count == 2, let guest = parts[0], let host = parts[1] else { return nil }
            self.init(guest: guest, host: host)
        }

        package var description: String { "\(guest):\(host)" }
    }

    /// - Parameter forwards: empty for a passt that no client needs to reach.
    package init(forwards: [Forward], user: QEMUUser.IDs?) {
        self.forwards = forwards
        self.user = user
    }

    /// Nil for every other kind of network.
    init?(_ network: NetworkDecision, user: QEMUUser.IDs?) {
        guard network.mode == .user, network.forwarder == .passt else { return nil }
        self.user = user
        forwards = GuestService.allCases.map { Forward(guest: $0.port, host: network.port(of: $0)) }
    }

    /// The words in front of QEMU's command.
    /// - Parameter user: the user that passt runs as, in words; nil for the caller.
    static func command(program: String, _ values: PlannedValues, user: String?) -> [String] {
        [program, commandName] + GuestService.allCases.flatMap { ["--forward", "\($0.port):\(values.port(of: $0))"] }
            + (user.map { ["--user", $0] } ?? []) + ["--"]
    }

    /// Starts passt, and the relay between it and QEMU.
    /// - Parameter program: the path of this program.
    /// - Returns: the descriptor that QEMU gets as its descriptor 3.
    /// - Throws: `program.missing`, `program.failed`, `network.not-permitted`.
    package func open(program: String) async throws -> FileDescriptor {
        let passt = try await Passt.start(arguments)
        defer { try? passt.close() }
        let (end, handed) = try Sockets.pair()
        defer { try? handed.close() }
        do {
            _ = try DetachedProcess.spawn(
                FrameRelay.command(program: program, user: QEMUUser(ids: user)), in: "/", output: .standardError, descriptors: [handed, passt])
            return end
        } catch {
            try? end.close()
            throw error
        }
    }

    /// The addresses are those of slirp. They and the host's resolver are all that passt would take from an interface, so the loopback interface
    /// is sufficient. It exists before the host has its own address.
    var arguments: [String] {
        [
            "--ipv4-only", "--interface", "lo", "--mac-addr", "52:55:0a:00:02:02", "--address", "\(UserNetworking.guest)",
            "--netmask", "\(UserNetworking.prefixLength)", "--gateway", "\(UserNetworking.gateway)", "--dns-forward", "\(UserNetworking.nameServer)",
            "--no-map-gw", "--udp-ports", "none",
        ] + (forwards.isEmpty ? ["--tcp-ports", "none"] : forwards.flatMap { ["--tcp-ports", "127.0.0.1/\($0.host):\($0.guest)"] })
            + (user.map { ["--runas", "\($0)"] } ?? [])
    }

    /// - Throws: `network.forwarder-missing`.
    static func checkInstalled() throws {
        guard ProgramRunner.lookUp(Passt.program) == nil else { return }
        throw Failure(
            .networkForwarderMissing, "passt is not installed, which keeps the guest from this host's own services",
            remedy: "as root: apt-get install passt; without it only 'network.forwarder: slirp', by which the guest reaches every service of this host")
    }

    /// Starts passt and stops it: an old passt lacks options, and a host may forbid what passt's sandbox needs.
    /// - Throws: `network.forwarder-missing`, `network.not-permitted`.
    static func tryOut() async throws {
        try checkInstalled()
        try await Passt.start(PasstForwarding(forwards: [], user: QEMUUser.example().ids).arguments).close()
    }
}

extension Failure.Code {
    package static let networkForwarderMissing = Failure.Code("network.forwarder-missing")
}
