internal import ApplianceModel
internal import BuiltinTemplates
internal import HostSystem
internal import MachineBackend
internal import Reports
internal import SecureShell
internal import SystemPackage

/// Whether the guest can reach this host, which user networking is to prevent. The check tries it from inside the guest.
///
/// On a network of the host, the guest is one of its hosts. What it may reach there is a matter for the host's own packet filter.
enum IsolationChecks {
    static let group = CheckGroup(name: .network, check: "network.isolation") { run, _ in
        let target = run.target
        guard target.spec.network.mode == .user, target.spec.machine.isOnThisHost else { return [] }
        // This listener makes sure that at least one port is open.
        let (socket, port) = try Sockets.listen()
        defer { try? socket.close() }
        let places = HostPlace.all(listeners: try HostListener.all(), own: HostRoutes.ownAddresses(), probe: port)
        let answer = try await ask(places, target.shell)
        return [judge(answer, of: places, path: try await NetworkPath.shown(target), spec: target.spec)]
    }

    static var program: String { BuiltinTemplates.text("guest/try-host.pl") ?? "die 'no program';\n" }

    /// The attempts take four seconds in the guest.
    private static func ask(_ places: [HostPlace], _ shell: any RemoteShell) async throws -> IsolationAnswer {
        let text = program + "__END__\n" + places.map { "\($0)\n" }.joined()
        // sshd passes to the commands that it starts the client's address and port, then its own.
        let result = try await shell.run(
            #"set -- $SSH_CONNECTION; sudo -n perl - "$3" "$4""#, input: Array(text.utf8), timeout: .seconds(90))
        return IsolationAnswer(result.outputText, of: places)
    }

    /// - Parameter answer: the guest's report. The guest may lie, so a report that nothing was reached is only as trustworthy as the guest.
    static func judge(_ answer: IsolationAnswer, of places: [HostPlace], path: NetworkPath, spec: ApplianceSpec) -> Finding {
        let expected = "none of \(places.count) open ports of this host reached, at any of its addresses"
        guard !answer.reached.isEmpty else {
            guard answer.isWhole else {
                return Finding(
                    check: "network.isolation", level: .warn, measured: "the guest could not try it", expected: expected,
                    remedy: "look whether the guest has perl: pgkvm ssh \(spec.name) -- perl -v")
            }
            return Finding(check: "network.isolation", level: .pass, measured: "none reached", expected: expected)
        }
        let shown = answer.reached.prefix(5).map { "\($0.address):\($0.port)" }.joined(separator: ", ")
        let more = answer.reached.count > 5 ? " and \(answer.reached.count - 5) more" : ""
        return Finding(
            check: "network.isolation", level: path == .slirp ? .warn : .fail,
            measured: "over \(path.name) the guest reaches services of this host: \(shown)\(more)",
            expected: expected, remedy: remedy(path, spec))
    }

    private static func remedy(_ path: NetworkPath, _ spec: ApplianceSpec) -> String {
        switch (path, spec.machine.backend) {
        case (.slirp, .libvirt): "libvirt's user networking cannot keep the guest from this host: take 'network.mode: bridge', or 'backend: qemu'"
        case (.slirp, _):
            "slirp cannot keep the guest from this host. A new appliance gets passt, also with this one's data: "
                + "pgkvm delete \(spec.name) --keep-data, then 'data.adopt' without 'network.forwarder: slirp'"
        default: "stop and start the appliance; if it stays so, please report it"
        }
    }
}

/// An address and port that the guest tries.
struct HostPlace: Hashable, CustomStringConvertible {
    let address: IPv4Address
    let port: UInt16

    /// The form in which the guest's program reads and writes it.
    var description: String { "\(address) \(port)" }

    /// The most places to try: a host may have thousands of ports open.
    static let most = 400

    private static let loopback = IPv4Address(127, 0, 0, 1)
    private static let nobody = IPv4Address(0, 0, 0, 0)

    /// The open ports of the host, under every address that a guest could use to reach the host.
    /// - Parameter probe: a port of 127.0.0.1 on which this program itself listens.
    static func all(listeners: Set<HostListener>, own: Set<IPv4Address>, probe: UInt16) -> [HostPlace] {
        let ordered = listeners.filter { !($0.isLoopback && $0.port == probe) }.sorted {
            ($0.isLoopback ? 0 : 1, $0.address.value, $0.port) < ($1.isLoopback ? 0 : 1, $1.address.value, $1.port)
        }
        let addresses = own.sorted { $0.value < $1.value }
        let first = [UserNetworking.gateway, UserNetworking.nameServer, loopback, nobody].map { HostPlace(address: $0, port: probe) }
        let rest = ordered.flatMap { listener in
            if listener.isLoopback { return [UserNetworking.gateway, listener.address].map { HostPlace(address: $0, port: listener.port) } }
            if listener.isEveryAddress { return ([UserNetworking.gateway, loopback] + addresses).map { HostPlace(address: $0, port: listener.port) } }
            return [HostPlace(address: listener.address, port: listener.port)]
        }
        var seen: Set<HostPlace> = []
        return Array((first + rest).filter { seen.insert($0).inserted }.prefix(most))
    }
}

/// What the guest printed.
struct IsolationAnswer: Equatable {
    /// The places that it was asked to try, in that order; it cannot know about any others.
    let reached: [HostPlace]
    /// Whether the report is complete, and the guest found what it must always find.
    let isWhole: Bool

    init(_ text: String, of places: [HostPlace]) {
        let lines = Set(text.utf8.split(separator: UInt8(ascii: "\n")).map { Array($0) })
        func said(_ line: String) -> Bool { lines.contains(Array(line.utf8)) }
        reached = places.filter { said("reached \($0)") }
        isWhole = said("self") && said("end")
    }
}
