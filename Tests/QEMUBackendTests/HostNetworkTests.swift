import ApplianceModel
import Basics
import Glibc
import HostSystem
import MachineBackend
import SystemPackage
import Testing

@testable import QEMUBackend

/// What is asked of the host's devices before a machine is connected to one, on files that look like the kernel's.
@Suite("Bridges and tap devices of the host")
struct HostNetworkTests {
    /// A host with the bridge `br0`, the tap devices `tap0` (with queues) and `tap1`, and a card `eth0`.
    private func withHost(_ body: (inout HostNetwork, FilePath) throws -> Void) throws {
        let root = try Files.createTemporaryDirectory(in: "/tmp", prefix: "pgkvm-devices")
        defer { try? Files.remove(root) }
        let devices = root.appending("net")
        try Files.createDirectory(devices.appending("br0").appending("bridge"))
        for device in ["tap0", "tap1", "eth0"] { try Files.createDirectory(devices.appending(device)) }
        for device in ["br0", "tap0", "tap1", "eth0"] { try Files.write("0x1003\n", to: devices.appending(device).appending("flags")) }
        for (device, flags) in [("tap0", "0x5102\n"), ("tap1", "0x5002\n")] {
            try Files.write(flags, to: devices.appending(device).appending("tun_flags"))
            try Files.write("1000\n", to: devices.appending(device).appending("owner"))
        }
        try Files.write("", to: root.appending("tun"))
        var host = HostNetwork(
            devices: devices, tun: root.appending("tun"), vhost: root.appending("vhost-net"), isRoot: true, userID: 0, groups: [1000, 27],
            helpers: [root.appending("qemu-bridge-helper")], helperRules: root.appending("bridge.conf"))
        try body(&host, root)
    }

    private func network(_ mode: ApplianceSpec.Network.Mode, _ device: String?, _ address: String = "dhcp") throws -> ApplianceSpec.Network {
        var network = ApplianceSpec.Network()
        network.mode = mode
        network.device = device
        network.address = try #require(ApplianceSpec.Network.Address(address))
        return network
    }

    @Test("A fitting device is taken: queues by processors where it can have them, vhost where the kernel has it, the address of the spec")
    func decided() throws {
        try withHost { host, root in
            let bridged = try host.decide(network(.bridge, "br0", "192.168.1.20/24"), vcpus: 4, macAddress: "52:54:00:a1:b2:c3")
            #expect(
                bridged
                    == NetworkDecision(
                        mode: .bridge, macAddress: "52:54:00:a1:b2:c3", sshPort: 22, postgresqlPort: 5432, device: "br0", address: IPv4Address(192, 168, 1, 20),
                        queues: 4, usesVhost: false))
            #expect(bridged.endpoint(.postgresql) == Endpoint(host: "192.168.1.20", port: 5432))
            #expect(bridged.hostPorts.isEmpty)
            #expect(try host.decide(network(.bridge, "br0"), vcpus: 64, macAddress: "m").queues == 8)
            try Files.write("", to: root.appending("vhost-net"))
            let tapped = try host.decide(network(.tap, "tap0"), vcpus: 4, macAddress: "m")
            #expect(tapped.queues == 4)
            #expect(tapped.usesVhost == true)
            #expect(tapped.endpoint(.ssh) == nil)
            #expect(try host.decide(network(.tap, "tap1"), vcpus: 4, macAddress: "m").queues == 1)
        }
    }

    @Test("A user gets the helper's one queue on a bridge, and taps that are the user's")
    func user() throws {
        try withHost { host, root in
            host.isRoot = false
            host.userID = 1000
            let helper = root.appending("qemu-bridge-helper")
            #expect(refusal(host, .bridge, "br0")?.remedy?.contains("4755 \(helper) && install -d \(root) && echo 'allow br0' >> \(root)/bridge.conf") == true)
            try Files.write("", to: helper)
            #expect(refusal(host, .bridge, "br0")?.code == .networkNotPermitted)
            _ = chmodSetUserID(helper)
            try host.check(.tap, "tap0")
            host.userID = 1001
            let foreign = refusal(host, .tap, "tap0")
            #expect(foreign?.code == .networkNotPermitted)
            #expect(foreign?.remedy?.contains("multi_queue user 1001") == true)
        }
    }

    @Test(
        "The helper's rules decide which bridges a user has, as far as the user may read them",
        arguments: [
            (nil, false), ("allow br1\n", false), ("deny all\n", false), ("# allow br0\n", false), ("allow br0\n", true), ("allow all", true),
            ("include /etc/qemu/me.conf\n", true),
        ] as [(String?, Bool)])
    func helperRules(rules: String?, isAllowed: Bool) throws {
        try withHost { host, root in
            host.isRoot = false
            host.userID = 1000
            try Files.write("", to: root.appending("qemu-bridge-helper"))
            _ = chmodSetUserID(root.appending("qemu-bridge-helper"))
            if let rules { try Files.write(rules, to: root.appending("bridge.conf")) }
            guard isAllowed else {
                let refused = refusal(host, .bridge, "br0")
                #expect(refused?.code == .networkNotPermitted)
                #expect(refused?.remedy == "as root: install -d \(root) && echo 'allow br0' >> \(root.appending("bridge.conf"))")
                return
            }
            #expect(try host.decide(network(.bridge, "br0"), vcpus: 4, macAddress: "m").queues == 1)
        }
    }

    @Test(
        "A tap device is for its owner and its group, of which each that is set has to fit",
        arguments: [
            ("1000", "-1", true), ("-1", "27", true), ("1000", "27", true), ("1001", "27", false), ("1000", "28", false), ("-1", "28", false),
            ("-1", "-1", false),
        ])
    func ownership(owner: String, group: String, fits: Bool) throws {
        try withHost { host, root in
            host.isRoot = false
            host.userID = 1000
            for (file, value) in [("owner", owner), ("group", group)] {
                try Files.write(value + "\n", to: root.appending("net").appending("tap0").appending(file))
            }
            #expect(refusal(host, .tap, "tap0")?.code == (fits ? nil : .networkNotPermitted))
        }
    }

    @Test("A tap device that was made anew for one queue does not go with a card of several")
    func lostQueues() throws {
        try withHost { host, _ in
            try host.check(.tap, "tap0", queues: 4)
            try host.check(.tap, "tap1", queues: 1)
            let refused = #expect(throws: Failure.self) { try host.check(.tap, "tap1", queues: 4) }
            #expect(refused?.code == .networkDeviceUnfit)
            #expect(refused?.remedy?.contains("ip tuntap add dev tap1 mode tap multi_queue") == true)
        }
    }

    @Test("What does not fit is refused with the reason and the line that mends it")
    func refused() throws {
        try withHost { host, root in
            let missing = refusal(host, .bridge, "br1")
            #expect(missing?.code == .networkDeviceMissing)
            #expect(missing?.remedy?.contains("ip link add name br1 type bridge") == true)
            let wrong = refusal(host, .bridge, "eth0")
            #expect(wrong?.code == .networkDeviceUnfit)
            #expect(wrong?.message.contains("'eth0' is no bridge") == true)
            #expect(refusal(host, .tap, "br0")?.remedy?.contains("ip tuntap add dev br0 mode tap") == true)
            try Files.write("0x1002\n", to: root.appending("net").appending("br0").appending("flags"))
            #expect(refusal(host, .bridge, "br0")?.remedy == "as root: ip link set dev br0 up")
            try Files.remove(root.appending("tun"))
            #expect(refusal(host, .tap, "tap0")?.remedy == "as root: modprobe tun")
            try host.check(.user, nil)
        }
    }

    private func refusal(_ host: HostNetwork, _ mode: ApplianceSpec.Network.Mode, _ device: String) -> Failure? {
        do {
            try host.check(mode, device)
            return nil
        } catch { return error as? Failure }
    }

    private func chmodSetUserID(_ path: FilePath) -> Int32 { chmod(path.string, 0o4755) }

    @Test("The guest's address is that of its card, and none while the card has only one of its own making")
    func agentAnswer() throws {
        func card(_ mac: String, _ addresses: [(String, String)]) -> JSONValue {
            .object([
                "hardware-address": .string(mac),
                "ip-addresses": .array(addresses.map { .object(["ip-address-type": .string($0.0), "ip-address": .string($0.1)]) }),
            ])
        }
        let other = card("52:54:00:00:00:01", [("ipv4", "10.0.0.9")])
        let own = card("52:54:00:A1:b2:c3", [("ipv6", "fe80::1"), ("ipv4", "169.254.3.4"), ("ipv4", "10.77.0.101")])
        #expect(GuestCards.address(of: "52:54:00:a1:b2:c3", in: .array([other, own])) == IPv4Address(10, 77, 0, 101))
        #expect(GuestCards.address(of: "52:54:00:a1:b2:c3", in: .array([other])) == nil)
        #expect(GuestCards.address(of: "52:54:00:a1:b2:c3", in: .array([card("52:54:00:a1:b2:c3", [("ipv4", "169.254.3.4")])])) == nil)
        #expect(GuestCards.address(of: "52:54:00:a1:b2:c3", in: .null) == nil)
    }
}
