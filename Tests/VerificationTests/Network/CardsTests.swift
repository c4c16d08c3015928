import ApplianceModel
import BuiltinTemplates
import HostSystem
import SecureShell
import SystemPackage
import Testing

@testable import Verification

/// The guest's own scripts, each in a network namespace that stands for a guest, beside another one that stands for its host.
@Suite("A guest with several cards, under any names", .enabled("only root makes network namespaces") { HostEnvironment.isRoot })
struct CardsTests {
    /// `guest …` runs a command in the guest's place. Its cards are `outer0`, which was there first, and `db-card`, whose other end is the host's.
    private static let network = #"""
        set -eu
        guest() { nsenter --net --mount --target "$guest" "$@"; }
        ip link set dev lo up
        unshare --net --mount sleep 300 &
        guest=$!
        until [ "$(readlink "/proc/$guest/ns/net")" != "$(readlink /proc/self/ns/net)" ] && [ "$(cat "/proc/$guest/comm")" = sleep ]; do sleep 0.02; done
        guest mount -t sysfs sysfs /sys
        guest ip link set dev lo up
        guest ip link add name outer0 type veth peer name outer1
        guest ip link set dev outer0 up
        guest ip link set dev outer1 up
        ip link add name host0 type veth peer name eth0 netns "$guest"
        guest ip link set dev eth0 name db-card
        ip address add 10.0.2.2/24 dev host0
        ip link set dev host0 up
        """#

    private func run(_ script: String) async throws -> ProgramResult {
        let whole = Self.network + "\n" + script
        return try await ProgramRunner.run(
            "unshare", ["--net", "--mount", "--pid", "--fork", "--mount-proc", "--kill-child", "sh", "-s"], input: Array(whole.utf8))
    }

    struct Layout: Sendable, CustomTestStringConvertible {
        let name: String
        /// Run in the place of the host.
        let commands: String
        var expected = "db-card"
        var address = "10.0.2.15"
        var testDescription: String { name }
    }

    private static let layouts = [
        Layout(name: "no default route", commands: "guest ip address add 10.0.2.15/24 dev db-card; guest ip link set dev db-card up"),
        Layout(
            name: "the default route over the other card",
            commands: """
                guest ip address add 10.0.2.15/24 dev db-card; guest ip link set dev db-card up; guest ip address add 192.0.2.9/24 dev outer0
                guest ip route add default via 192.0.2.1
                """),
        Layout(
            name: "both cards with an address that begins the same",
            commands: """
                guest ip address add 10.0.2.1/24 dev outer0; guest ip address add 10.0.2.150/24 dev outer0; guest ip address add 10.0.2.15/24 dev db-card
                guest ip link set dev db-card up
                """),
        Layout(
            name: "a second address of the card",
            commands: "guest ip address add 10.9.0.1/24 dev db-card; guest ip address add 10.0.2.15/24 dev db-card; guest ip link set dev db-card up"),
        // An address of another family finds its card too.
        Layout(
            name: "IPv6", commands: "guest ip address add 2001:db8::15/64 dev db-card nodad; guest ip link set dev db-card up", address: "2001:db8::15"),
        Layout(name: "an address of no card", commands: "guest ip address add 10.0.2.16/24 dev db-card", expected: ""),
        Layout(name: "no session", commands: "guest ip address add 10.0.2.15/24 dev db-card", expected: "", address: ""),
    ]

    @Test("The report names the card that has the guest's address", arguments: layouts)
    func report(layout: Layout) async throws {
        let connection = layout.address.isEmpty ? "" : "10.0.2.2 40000 \(layout.address) 22"
        let script = """
            \(layout.commands)
            guest env SSH_CONNECTION='\(connection)' sh -s <<'REPORT'
            \(GuestScript.guestReport.text("17"))
            REPORT
            """
        let result = try await run(script)
        let report = GuestReport(result.outputText)
        #expect(report["network_link"] == layout.expected, "\(result.errorText)")
        // It came to its end.
        #expect(report.has("failed_units"))
    }

    /// Under `device` of a card lies its bus, which a pair of a namespace does not have: a directory stands for `/sys/class/net`.
    @Test("Below a bridge or bond the card is found, in whatever order they are listed", arguments: ["", "lower_a-tap", "lower_zz-tap"])
    func below(another: String) async throws {
        let directory = try Files.createTemporaryDirectory(in: "/tmp", prefix: "pgkvm-cards")
        defer { try? Files.remove(directory) }
        for path in ["bond0/lower_br7", "br7/lower_db-card", "db-card/device", "a-tap", "zz-tap"] + (another.isEmpty ? [] : ["br7/\(another)"]) {
            try Files.createDirectory(directory.appending(path))
        }
        let script = """
            guest ip link add name bond0 type bridge; guest ip address add 10.0.2.15/24 dev bond0
            guest env SSH_CONNECTION='10.0.2.2 40000 10.0.2.15 22' sh -s <<'REPORT'
            \(GuestScript.guestReport.text("17").replacing("/sys/class/net", with: directory.string))
            REPORT
            """
        #expect(GuestReport(try await run(script).outputText)["network_link"] == "db-card")
    }

    /// The guest's own server, at an address that the host may have too, is not the host's.
    @Test("What the guest reaches of its host is tried over the card that leads there", arguments: ["", "guest ip route add default via 192.0.2.1"])
    func isolation(route: String) async throws {
        // The host takes what comes for its loopback addresses, as it must not.
        let script = """
            guest ip address add 10.0.2.15/24 dev db-card; guest ip link set dev db-card up; guest ip address add 192.0.2.9/24 dev outer0
            \(route)
            for key in all host0; do echo 1 >"/proc/sys/net/ipv4/conf/$key/route_localnet"; echo 0 >"/proc/sys/net/ipv4/conf/$key/rp_filter"; done
            socat TCP4-LISTEN:7000,bind=10.0.2.2,fork /dev/null &
            socat TCP4-LISTEN:6379,bind=127.0.0.1,fork /dev/null &
            guest socat TCP4-LISTEN:22,bind=10.0.2.15,fork /dev/null &
            until [ "$(grep -c ' 0A ' /proc/net/tcp)" = 2 ] && guest grep -q ' 0A ' "/proc/$guest/net/tcp"; do sleep 0.05; done
            # The session of SSH, by which each end knows the other's hardware address.
            guest socat -u /dev/null TCP4:10.0.2.2:7000
            guest perl - 10.0.2.15 22 <<'PROGRAM'
            \(IsolationChecks.program)__END__
            10.0.2.2 7000
            10.0.2.2 7001
            127.0.0.1 6379
            10.0.2.15 22
            PROGRAM
            """
        let result = try await run(script)
        #expect(Set(result.outputText.split(separator: "\n")) == ["self", "reached 10.0.2.2 7000", "reached 127.0.0.1 6379", "end"], "\(result.errorText)")
    }
}
