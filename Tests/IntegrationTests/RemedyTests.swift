import Basics
import Foundation
import HostSystem
import SystemPackage
import TestSupport
import Testing

/// The lines that an error names as its remedy, run as they are printed on a host to which nothing was done yet.
@Suite("Remedies", .enabled("only root makes network and mount namespaces") { HostEnvironment.isRoot }, .timeLimit(.minutes(20)))
struct RemedyTests {
    /// This host with directories of its own in the places of those that the remedies change, each as its packages made it.
    private static let freshHost = #"""
        for place in /etc /usr/lib/qemu /var/lib/dpkg; do
            mkdir -p "$STAGE$place"
            cp -a "$place/." "$STAGE$place"
            mount --bind "$STAGE$place" "$place"
        done
        rm -rf /etc/qemu
        # As udev makes it.
        mknod -m 0666 "$STAGE/tun" c 10 200
        mount --bind "$STAGE/tun" /dev/net/tun
        chmod 0755 /usr/lib/qemu/qemu-bridge-helper
        if dpkg-statoverride --list /usr/lib/qemu/qemu-bridge-helper; then dpkg-statoverride --remove /usr/lib/qemu/qemu-bridge-helper; fi
        user() { setpriv --reuid 65534 --regid 65534 --clear-groups -- "$@"; }
        # What stands behind `try: as root: ` of an error.
        remedy() { sed -n 's/^ *try: as root: //p' "$1"; }

        """#

    private func run(_ script: String, in home: PGKVMHome, _ network: NetworkNamespace) async throws -> ProgramResult {
        let stage = home.path.appending(".stage")
        try Files.createDirectory(stage)
        return try await ProgramRunner.run(
            "ip",
            network.prefix.dropFirst() + ["unshare", "--mount", "--propagation", "private", "bash", "-euc", Self.freshHost + script],
            environment: home.environment.merging(["STAGE": stage.string, "PGKVM": PGKVMHome.program.string]) { own, _ in own })
    }

    @Test("An ordinary user gets a bridge by the lines that the refusals name, whatever of them was done before, and the helper really opens the device")
    func bridge() async throws {
        try await NetworkNamespace.with { network in
            try await PGKVMHome.with { home in
                let script = #"""
                    # The program and a place for its state, where that user may go.
                    place=$(mktemp -d /tmp/pgkvm-remedy-XXXXXX)
                    trap 'rm -rf "$place"' EXIT
                    chmod 0711 "$place"
                    cp "$PGKVM" "$place/pgkvm"
                    install -d -o 65534 -g 65534 -m 0700 "$place/state"
                    refused() { ! user env PGKVM_HOME="$place/state" HOME="$place/state" "$place/pgkvm" deploy orders --bridge br0 2>"$place/error"; }
                    opened() {
                        user "$place/pgkvm" open-network --device pg-525400a1b2c3 --bridge br0 --queues 1 -- sh -c 'readlink /proc/self/fd/3'
                    }
                    refused
                    echo "1: $(remedy "$place/error")"
                    sh -euc "$(remedy "$place/error")" >/dev/null
                    opened
                    # Only the rule is missing.
                    rm /etc/qemu/bridge.conf
                    refused
                    echo "2: $(remedy "$place/error")"
                    sh -euc "$(remedy "$place/error")"
                    opened
                    # An update of the package would take the bit away without the override that the remedy made.
                    dpkg-statoverride --list /usr/lib/qemu/qemu-bridge-helper
                    chmod 0755 /usr/lib/qemu/qemu-bridge-helper
                    refused
                    echo "3: $(remedy "$place/error")"
                    sh -euc "$(remedy "$place/error")" >/dev/null
                    opened
                    # What the helper itself refuses.
                    echo 'deny all' >/etc/qemu/bridge.conf
                    ! opened 2>"$place/error"
                    echo "4: $(remedy "$place/error")"
                    rm /etc/qemu/bridge.conf
                    sh -euc "$(remedy "$place/error")" >/dev/null
                    opened
                    """#
                let result = try await run(script, in: home, network)
                #expect(result.status == 0, "\(result.outputText)\(result.errorText)")
                let lines = result.outputText.split(separator: "\n").map(String.init)
                let helper = "/usr/lib/qemu/qemu-bridge-helper"
                let permission = "dpkg-statoverride --update --force-statoverride-add --add root root 4755 \(helper)"
                let rule = "install -d /etc/qemu && echo 'allow br0' >> /etc/qemu/bridge.conf"
                let device = "/dev/net/tun"
                #expect(
                    lines == [
                        "1: \(permission) && \(rule)", device, "2: \(rule)", device, "root root 4755 \(helper)", "3: \(permission)", device,
                        "4: \(permission) && \(rule)", device,
                    ])
            }
        }
    }

    @Test("A bridge and a tap device that are missing, or unfit, come by the lines that the refusals name")
    func devices() async throws {
        try await NetworkNamespace.with { network in
            try await PGKVMHome.with { home in
                let script = #"""
                    refused() { ! "$PGKVM" deploy orders --image nowhere "$@" 2>"$STAGE/error"; }
                    follow() { line=$(sed -n 's/^ *try: .*as root: //p' "$STAGE/error"); echo "$line"; sh -euc "${line%, and add*}"; }
                    refused --bridge br7; follow
                    refused --tap tap7; follow
                    ip link set dev tap7 down
                    refused --tap tap7; follow
                    refused --tap br7; follow || true
                    # Both are taken now: what is refused is the image.
                    refused --bridge br7; ! grep network "$STAGE/error"
                    refused --tap tap7; ! grep network "$STAGE/error"
                    """#
                let result = try await run(script, in: home, network)
                #expect(result.status == 0, "\(result.outputText)\(result.errorText)")
                #expect(result.outputText.hasPrefix("ip link add name br7 type bridge && ip link set dev br7 up, and add the card that leads outside\n"))
            }
        }
    }

    @Test("A user joins the groups, and root makes the account, by the lines that the errors name")
    func accounts() async throws {
        try await NetworkNamespace.with { network in
            try await PGKVMHome.with { home in
                let kvm = KVMProblem(.permissionDenied, cpu: HostCPU.current()).remedy
                let line = try #require(kvm.firstMatch(of: #/sudo (usermod [^,]+), then log in again/#)).1
                let script = #"""
                    useradd --system stranger
                    getent group kvm >/dev/null || groupadd --system kvm
                    USER=stranger sh -euc '\#(line)'
                    id -Gn stranger
                    """#
                let result = try await run(script, in: home, network)
                #expect(result.outputText == "stranger kvm\n", "\(result.errorText)")
            }
        }
    }

    @Test("Each package that an error says to install is one of this release")
    func packages() async throws {
        let sources = try await ProgramRunner.check(
            "grep", ["-rhoE", "apt-get install [a-z0-9+-]+", "--include=*.swift", "Sources"])
        let written = sources.outputText.split(separator: "\n").compactMap { $0.split(separator: " ").last.map(String.init) }
        let names = Set(written).union(ProgramRunner.debianPackages.values)
        #expect(names.isSuperset(of: ["qemu-system-x86", "qemu-system-common", "ovmf", "passt", "qemu-utils"]))
        for name in names.sorted() {
            let found = try await ProgramRunner.run("apt-cache", ["show", "--no-all-versions", name])
            #expect(found.status == 0, "no package '\(name)'")
        }
    }
}
