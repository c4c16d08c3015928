import ApplianceModel
import Basics
import FoundationEssentials
import HostSystem
import SystemPackage
import TestSupport
import Testing

/// Networks of the host's, in network namespaces that the tests make.
@Suite("Networks of the host", .enabled("only root makes network namespaces") { HostEnvironment.isRoot })
struct NetworkTests {
    @Test("The opened queues are QEMU's descriptors from 3 on, on the bridge and up, and the device goes with the process")
    func opened() async throws {
        try await NetworkNamespace.with { network in
            try await PGKVMHome.with { home in
                let script = #"""
                    for file in 3 4; do [ "$(readlink /proc/self/fd/$file)" = /dev/net/tun ] || exit 9; done
                    [ ! -e /proc/self/fd/5 ] || exit 8
                    ip -oneline link show dev pg-525400a1b2c3
                    cat /sys/class/net/br0/address
                    """#
                // The address of a bridge is the lowest of its ports' while nobody gives it one.
                try await network.ip("link", "set", "dev", "neighbour", "address", "f2:00:00:00:00:01")
                let shown = try await home.inside(network).check(
                    "open-network", "--device", "pg-525400a1b2c3", "--bridge", NetworkNamespace.bridge, "--address", "fe:54:00:a1:b2:c3", "--queues", "2", "--",
                    "sh", "-euc", script)
                #expect(shown.contains("master \(NetworkNamespace.bridge)"))
                #expect(shown.contains(",UP"))
                #expect(shown.hasSuffix("\nf2:00:00:00:00:01"), "the host's address on its network changed: \(shown)")
                await #expect(throws: Failure.self) { try await network.ip("link", "show", "dev", "pg-525400a1b2c3") }
            }
        }
    }

    @Test("A device that is not there, is none of that kind or is down is refused before anything is made")
    func refused() async throws {
        try await NetworkNamespace.with { network in
            try await PGKVMHome.with { home in
                try await network.ip("tuntap", "add", "dev", "tap0", "mode", "tap")
                let cases = [
                    (["--bridge", "br1"], "this host has no network device 'br1'", "ip link add name br1 type bridge"),
                    (["--bridge", "neighbour"], "'neighbour' is no bridge", "make one"),
                    (["--tap", NetworkNamespace.bridge], "'br0' is no tap device", "ip tuntap add dev br0 mode tap"),
                    (["--tap", "tap0"], "'tap0' is down", "ip link set dev tap0 up"),
                ]
                for (arguments, reason, remedy) in cases {
                    let result = try await home.inside(network).run(["deploy", "orders"] + arguments)
                    #expect(result.status == 1)
                    #expect(result.errorText.contains(reason), "\(result.errorText)")
                    #expect(result.errorText.contains(remedy), "\(result.errorText)")
                }
                #expect(!Files.exists(home.machine("orders")))
            }
        }
    }
}

extension GuestTests {
    @Suite("A guest on a bridge or a tap device", .enabled("only root makes network namespaces") { HostEnvironment.isRoot })
    struct NetworkedGuestTests {
        @Test("A guest with an address of its own on a bridge serves this host and the networks of the spec, and nobody else")
        func bridge() async throws {
            try await deployed("india", "mode: bridge\n  device: br0\n  address: 10.77.0.20/24\n  gateway: 10.77.0.1\n  nameServers: [10.77.0.1]") {
                guest, network in
                let status = try await guest.status()
                #expect(status.postgresql == Endpoint(host: "10.77.0.20", port: 5432))
                #expect(try await guest.home.check("connection", guest.name, "--as", "jdbc").hasPrefix("jdbc:postgresql://10.77.0.20:5432/"))

                // The neighbour is in no network of the spec: its packets do not arrive. Then it is.
                #expect(try await reaches(guest, network) == false)
                try await guest.home.check("deploy", guest.name, "--allow-from", "10.77.0.48/28")
                #expect(try await reaches(guest, network))
                let connection = try await guest.home.check("connection", guest.name)
                let answer = try await ProgramRunner.check(
                    "ip", network.neighbourPrefix.dropFirst() + ["psql", "--no-psqlrc", "-Atw", connection, "-c", "SELECT inet_client_addr()"])
                #expect(answer.outputText == "\(NetworkNamespace.neighbour)\n")

                try await guest.home.check("restart", guest.name)
                #expect(try await reaches(guest, network))
                try await guest.verify().expectPassed()
            }
        }

        @Test("A guest on a tap device that gets its address by DHCP is found by its card, also after a restart", .fullRun)
        func tap() async throws {
            try await deployed("juliett", "mode: tap\n  device: tap0") { guest, _ in
                let first = try #require(try await guest.status().postgresql)
                #expect(first.host.hasPrefix("10.77.0.1"))
                #expect(first.port == 5432)
                try await guest.home.check("restart", guest.name)
                #expect(try await guest.status().postgresql == first)
                let findings = try await guest.verify()
                findings.expectPassed()
                #expect(findings.first { $0.check == "network.path" }?.measured.hasPrefix("tap") == true)
            }
        }

        /// Deploys an appliance in a network of its own, runs `body`, and deletes it.
        private func deployed(_ name: String, _ section: String, _ body: (Guest, NetworkNamespace) async throws -> Void) async throws {
            try await NetworkNamespace.with { network in
                try await network.ip("tuntap", "add", "dev", "tap0", "mode", "tap")
                try await network.ip("link", "set", "dev", "tap0", "master", NetworkNamespace.bridge, "up")
                let outside = try Guests.shared().home
                let guest = Guest(home: outside.inside(network), name: name)
                let specFile = try SharedSpec.write(name: name, network: section, in: outside)
                try await outside.check("image", "build", "debian-13")
                try await guest.removedOnFailure {
                    try await Stage.run("deploy \(name)") { try await guest.home.check("deploy", specFile.string) }
                    try await body(guest, network)
                    try await guest.home.check("delete", name, "--confirm", name)
                }
                try await guest.expectGone()
            }
        }

        /// Whether the second host of the network gets any answer of the server's.
        private func reaches(_ guest: Guest, _ network: NetworkNamespace) async throws -> Bool {
            let address = try #require(try await guest.status().postgresql)
            let result = try await ProgramRunner.run(
                "ip", network.neighbourPrefix.dropFirst() + ["pg_isready", "--quiet", "--timeout=5", "--host=\(address.host)", "--port=\(address.port)"])
            return result.status == 0
        }
    }
}
