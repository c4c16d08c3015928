internal import ApplianceModel
internal import Glibc
internal import HostSystem
internal import SystemPackage

/// A network apart from the host's: a bridge with this side's address, DHCP and names on it, a second host, and a way to the package
/// mirror alone. Only root can make one.
package struct NetworkNamespace: Sendable {
    /// Of the side in which pgkvm works.
    package let name: String
    /// The bridge, and this side's address on it.
    package static let bridge = "br0"
    package static let address = "10.77.0.1"
    /// The second host.
    package static let neighbour = "10.77.0.50"

    /// What a command is run with so that it is on this side.
    package var prefix: [String] { ["ip", "netns", "exec", name] }
    /// What a command is run with so that it is on the second host.
    package var neighbourPrefix: [String] { ["ip", "netns", "exec", neighbour] }
    private var neighbour: String { "\(name)-n" }

    /// Makes the network, runs `body`, and takes everything away again, whatever comes.
    package static func with<Value: Sendable>(_ body: (NetworkNamespace) async throws -> Value) async throws -> Value {
        let network = NetworkNamespace(name: "pgkvm-" + String(UInt32.random(in: 0x1000_0000 ... .max), radix: 16))
        let directory = try Files.createTemporaryDirectory(in: "/tmp", prefix: "pgkvm-network")
        var services: [BackgroundProgram] = []
        var outcome: Result<Value, any Error>
        do {
            try await network.make()
            services = try await network.serve(in: directory)
            outcome = .success(try await body(network))
        } catch {
            outcome = .failure(error)
        }
        try await withoutCancellation { [services] in await network.remove(services, directory) }
        return try outcome.get()
    }

    /// Runs `ip` on this side.
    package func ip(_ arguments: String...) async throws {
        _ = try await ProgramRunner.check("ip", ["-netns", name] + arguments)
    }

    private func make() async throws {
        for space in [name, neighbour] { _ = try await ProgramRunner.check("ip", ["netns", "add", space]) }
        try await ip("link", "set", "dev", "lo", "up")
        try await ip("link", "add", "name", Self.bridge, "type", "bridge", "forward_delay", "0")
        try await ip("address", "add", "\(Self.address)/24", "dev", Self.bridge)
        try await ip("link", "set", "dev", Self.bridge, "up")
        try await ip("link", "add", "name", "neighbour", "type", "veth", "peer", "name", "eth0", "netns", neighbour)
        try await ip("link", "set", "dev", "neighbour", "master", Self.bridge, "up")
        for arguments in [["address", "add", "\(Self.neighbour)/24", "dev", "eth0"], ["link", "set", "dev", "eth0", "up"]] {
            _ = try await ProgramRunner.check("ip", ["-netns", neighbour] + arguments)
        }
    }

    /// Addresses and names for guests, and for each mirror of the host's apt a relay: packets go no other way.
    private func serve(in directory: FilePath) async throws -> [BackgroundProgram] {
        let sites = try await ProgramRunner.check("apt-get", ["indextargets", "--format", "$(SITE)"]).outputText
        let mirrors = Set(
            sites.split(whereSeparator: \.isNewline).compactMap { $0.firstMatch(of: #/^http://([^/:]+)(?::([0-9]+))?/#) }.map {
                Mirror(host: String($0.1), port: $0.2.map(String.init) ?? "80")
            }
        ).sorted { $0.host < $1.host }
        var services: [BackgroundProgram] = []
        var names: [String] = []
        for (index, mirror) in mirrors.enumerated() {
            let own = "10.77.0.\(index + 2)"
            let socket = directory.appending("\(index).sock")
            try await ip("address", "add", "\(own)/24", "dev", Self.bridge)
            names.append("--address=/\(mirror.host)/\(own)")
            services.append(try BackgroundProgram(["socat", "UNIX-LISTEN:\(socket),fork", "TCP:\(mirror.host):\(mirror.port)"], in: directory))
            services.append(
                try BackgroundProgram(
                    prefix + ["socat", "TCP-LISTEN:\(mirror.port),bind=\(own),fork,reuseaddr", "UNIX-CONNECT:\(socket)"], in: directory))
        }
        services.append(
            try BackgroundProgram(
                prefix + [
                    "dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--no-resolv", "--no-hosts", "--log-facility=-", "--user=root",
                    "--bind-interfaces", "--interface=\(Self.bridge)", "--dhcp-range=10.77.0.100,10.77.0.150,1h",
                    "--dhcp-leasefile=\(directory.appending("leases"))", "--pid-file=\(directory.appending("pid"))",
                ] + names, in: directory))
        return services
    }

    private struct Mirror: Hashable {
        let host: String
        let port: String
    }

    private func remove(_ services: [BackgroundProgram], _ directory: FilePath) async {
        // Each leads a session of its own; its children serve one connection each.
        for service in services { service.sendToSession(SIGKILL) }
        for service in services { _ = try? await service.end() }
        for space in [name, neighbour] { _ = try? await ProgramRunner.run("ip", ["netns", "delete", space]) }
        try? Files.remove(directory)
    }
}
