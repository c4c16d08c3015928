import ApplianceModel
import Basics
import Reports
import Testing

@testable import Verification

@Suite("The guest's network device and its path to the host")
struct LinkTests {
    private static func spec(
        _ mode: ApplianceSpec.Network.Mode, _ forwarder: ApplianceSpec.Network.Forwarder = .auto, _ backend: BackendKind = .qemu
    ) throws -> ApplianceSpec {
        var spec = ApplianceSpec(name: try #require(ApplianceName("orders")))
        spec.machine.backend = backend
        spec.network.mode = mode
        spec.network.forwarder = forwarder
        return spec
    }

    @Test(
        "QEMU's command line and descriptors tell the path",
        arguments: [
            ("user,id=net0,ipv6=off,hostfwd=tcp:127.0.0.1:2222-:22", nil, .slirp), ("passt,id=net0", nil, .passt),
            ("stream,id=net0,server=off,addr.type=unix,addr.path=/run/passt.sock", nil, .passt), ("tap,id=net0,vhost=on", nil, .tap(vhost: true)),
            ("tap,id=net0,fd=5,vhostfd=6", nil, .tap(vhost: true)), ("tap,id=net0", nil, .tap(vhost: false)),
            // Asked for and not there.
            ("tap,id=net0,vhost=on", ["/dev/net/tun", "socket:[7]"], .tap(vhost: false)),
            ("tap,id=net0,fd=5", ["/dev/net/tun", "/dev/vhost-net"], .tap(vhost: true)), ("bridge,id=net0,br=br0", nil, .tap(vhost: false)),
            ("vde,id=net0", nil, .other("vde")),
            // As libvirt 9.0 writes it, and as it writes it with vhost.
            (#"{"type":"tap","fds":"31:33","id":"hostnet0"}"#, nil, .tap(vhost: false)),
            (#"{"type":"tap","fd":"31","vhost":true,"vhostfd":"33","id":"hostnet0"}"#, nil, .tap(vhost: true)),
            (#"{"type":"tap","fd":"31","vhost":true,"vhostfd":"33","id":"hostnet0"}"#, ["/dev/net/tun"], .tap(vhost: false)),
            (#"{"type":"user","id":"hostnet0"}"#, nil, .slirp), (#"{"type":"vhost-user","chardev":"c"}"#, nil, .other("vhost-user")),
        ] as [(String, [String]?, NetworkPath)])
    func path(netdev: String, descriptors: [String]?, expected: NetworkPath) {
        #expect(NetworkPath(arguments: ["qemu", "-netdev", netdev, "-device", "virtio-net-pci"], descriptors: descriptors) == expected)
    }

    @Test("Without a network device there is no path", arguments: [[], ["qemu"], ["qemu", "-netdev"], ["qemu", "-netdev", ""], ["qemu", "-netdev", "{}"]])
    func noPath(arguments: [String]) {
        #expect(NetworkPath(arguments: arguments, descriptors: []) == nil)
    }

    @Test("The path of the spec passes, another fails, an unseen one is skipped with its reason")
    func judged() throws {
        let slirp = try NetworkPathChecks.judge(.slirp, spec: Self.spec(.user, .slirp), hasVhost: true)
        #expect(slirp.level == .pass)
        #expect(slirp.measured.hasPrefix("slirp; no vhost"))
        #expect(try NetworkPathChecks.judge(.tap(vhost: true), spec: Self.spec(.user), hasVhost: true).level == .fail)
        #expect(try NetworkPathChecks.judge(.tap(vhost: false), spec: Self.spec(.nat), hasVhost: true).level == .fail)
        #expect(try NetworkPathChecks.judge(.tap(vhost: false), spec: Self.spec(.nat), hasVhost: false).level == .pass)
        #expect(try NetworkPathChecks.judge(.tap(vhost: true), spec: Self.spec(.nat), hasVhost: false).level == .pass)
        let passt = try Self.spec(.user, .passt)
        #expect(NetworkPathChecks.judge(.passt, spec: passt, hasVhost: true).level == .pass)
        #expect(NetworkPathChecks.judge(.slirp, spec: passt, hasVhost: true).level == .fail)
        #expect(try NetworkPathChecks.judge(.passt, spec: Self.spec(.user, .slirp), hasVhost: true).level == .fail)
        // Of a machine that was made when slirp was the ordinary way.
        #expect(try NetworkPathChecks.judge(.slirp, spec: Self.spec(.user), hasVhost: true).level == .pass)
        #expect(try NetworkPathChecks.judge(.passt, spec: Self.spec(.user), hasVhost: true).level == .pass)
        #expect(try NetworkPath.planned(Self.spec(.user, .auto, .libvirt), hasVhost: true) == .slirp)
        let unseen = try NetworkPathChecks.judge(nil, spec: Self.spec(.user), hasVhost: true)
        #expect(unseen.level == .skip)
        #expect(unseen.remedy != nil)
    }

    /// Of a guest's virtio_net under slirp: the beginning of `ethtool -k`, and `ethtool -l`.
    private static let features = """
        Features for eth0:
        rx-checksumming: on [fixed]
        tx-checksumming: off
        \ttx-checksum-ipv4: off [fixed]
        \ttx-checksum-ip-generic: off [fixed]
        \ttx-checksum-ipv6: off [fixed]
        \ttx-checksum-fcoe-crc: off [fixed]
        \ttx-checksum-sctp: off [fixed]
        scatter-gather: off
        \ttx-scatter-gather: off [fixed]
        \ttx-scatter-gather-fraglist: off [fixed]
        tcp-segmentation-offload: off
        \ttx-tcp-segmentation: off [fixed]
        \ttx-tcp-ecn-segmentation: off [fixed]
        \ttx-tcp-mangleid-segmentation: off [fixed]
        \ttx-tcp6-segmentation: off [fixed]
        generic-segmentation-offload: off [requested on]
        generic-receive-offload: on
        large-receive-offload: off [fixed]
        rx-vlan-offload: off [fixed]
        tx-vlan-offload: off [fixed]
        ntuple-filters: off [fixed]
        receive-hashing: off [fixed]
        highdma: on [fixed]
        rx-vlan-filter: on [fixed]
        vlan-challenged: off [fixed]
        """
    private static let channels = """
        Channel parameters for eth0:
        Pre-set maximums:
        RX:\t\tn/a
        TX:\t\tn/a
        Other:\t\tn/a
        Combined:\t1
        Current hardware settings:
        RX:\t\tn/a
        TX:\t\tn/a
        Other:\t\tn/a
        Combined:\t1

        """

    @Test("What slirp cannot take is named and passes; on a tap the same is a warning")
    func offloads() {
        let slirp = LinkChecks.offloads(Self.features, .slirp)
        #expect(slirp.level == .pass)
        #expect(slirp.measured.hasPrefix("off: tx-checksumming, tcp-segmentation-offload"), "\(slirp.measured)")
        let tap = LinkChecks.offloads(Self.features, .tap(vhost: true))
        #expect(tap.level == .warn)
        #expect(tap.remedy != nil)
        let whole = Self.features.replacing(": off [fixed]", with: ": on").replacing(": off", with: ": on")
        #expect(LinkChecks.offloads(whole, .tap(vhost: true)).level == .pass)
        #expect(LinkChecks.offloads(whole, .slirp).measured == "all on")
    }

    @Test(
        "Output that is cut off before a feature that matters is no answer", arguments: ["", "Features for eth0:\n", "ethtool: bad command line argument(s)"])
    func noFeatures(text: String) {
        #expect(LinkChecks.offloads(text, .slirp).level == .skip)
        let cut = Self.features.split(separator: "\n").prefix(8).joined(separator: "\n")
        #expect(LinkChecks.offloads(cut, .slirp).level == .skip)
    }

    @Test("Every queue must be in use")
    func queues() {
        #expect(LinkChecks.queues(Self.channels).level == .pass)
        #expect(LinkChecks.queues(Self.channels).measured == "1 of 1 in use")
        let half = Self.channels.replacing("Combined:\t1", with: "Combined:\t4", maxReplacements: 1)
        #expect(LinkChecks.queues(half).level == .warn)
        #expect(LinkChecks.queues(half).measured == "1 of 4 in use")
        for text in ["", "netlink error: Operation not supported", String(Self.channels.prefix(Self.channels.count / 2))] {
            #expect(LinkChecks.queues(text).level == .skip)
        }
    }

    @Test("Percentiles are those of the samples, and none without ten above it")
    func percentiles() throws {
        let many = try #require(RoundTripChecks.distribution(of: (1...1000).map(Double.init).shuffled()))
        #expect(many.points.map(\.percent) == [50, 90, 99])
        #expect(many.points.map(\.nanoseconds) == [500, 900, 990])
        #expect(many.meanNanoseconds == 500.5)
        let few = try #require(RoundTripChecks.distribution(of: (1...100).map(Double.init)))
        #expect(few.points.map(\.percent) == [50, 90])
        #expect(RoundTripChecks.distribution(of: (1...49).map(Double.init)) == nil)
        #expect(RoundTripChecks.distribution(of: []) == nil)
    }
}
