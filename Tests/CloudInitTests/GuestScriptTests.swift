import ApplianceModel
import Basics
import CloudInit
import HostSystem
import SystemPackage
import TestSupport
import Testing

/// Runs the scripts on a directory that stands for a guest's `/`; `systemctl` is a recording one.
struct GuestDirectory {
    let root: FilePath
    private let programs: FilePath

    init(_ directory: FilePath, networkdIsEnabled: Bool = true) async throws {
        root = directory.appending("guest's root")
        programs = directory.appending("bin")
        try Files.createDirectory(root)
        try Files.createDirectory(programs)
        let script = """
            #!/bin/sh
            echo "$*" >> '\(directory)/systemctl.log'
            [ "$1" != is-enabled ] || { echo '\(networkdIsEnabled ? "enabled" : "enabled-runtime")'; exit 0; }
            """
        try await Files.writeProgram(script.utf8, to: programs.appending("systemctl"))
    }

    func write(_ text: String, to path: String) throws {
        try Files.createDirectory(root.appending(path).removingLastComponent())
        try Files.write(text, to: root.appending(path))
    }

    func run(_ script: String) async throws -> ProgramResult {
        let path = EnvironmentVariable.value("PATH") ?? "/usr/bin:/bin"
        return try await ProgramRunner.run("sh", ["-s"], input: Array(script.utf8), environment: ["PATH": "\(programs):\(path)"])
    }

    var systemctlCalls: [String] {
        get throws { try Files.readText(programs.removingLastComponent().appending("systemctl.log")).split(separator: "\n").map(String.init) }
    }
}

@Suite("Cleaning up after first boot")
struct FirstBootCleanupTests {
    private static let secret = "-----BEGIN OPENSSH PRIVATE KEY-----"

    /// What cloud-init leaves in a guest, by both renderers; the value says whether it may stay.
    private static let leavings: [String: Bool] = [
        "etc/netplan/50-cloud-init.yaml": false, "etc/netplan/90-default.yaml": true, "etc/systemd/network/10-cloud-init-eth0.network": false,
        "etc/systemd/network/10-cloud-init-eth0.link": false, "etc/systemd/network/20-mine.network": true, "etc/network/interfaces.d/50-cloud-init": false,
        "var/lib/cloud/instances/i-1/user-data.txt": false, "var/lib/cloud/instances/i-1/user-data.txt.i": false,
        "var/lib/cloud/instances/i-1/cloud-config.txt": false, "var/lib/cloud/instances/i-1/obj.pkl": false,
        "var/lib/cloud/instances/i-1/vendor-data.txt": false, "var/lib/cloud/instances/i-1/boot-finished": true, "var/lib/cloud/data/result.json": true,
        "var/lib/cloud/seed/nocloud/user-data": false, "var/lib/cloud/seed/nocloud-net/user-data": false,
        "run/cloud-init/instance-data-sensitive.json": false, "run/cloud-init/instance-data.json": false,
        "run/cloud-init/combined-cloud-config.json": false, "run/cloud-init/result.json": true, "var/log/cloud-init.log": true,
        "var/log/cloud-init-output.log": false, "etc/hosts": true,
    ]

    @Test("The network file looks at the address of the interface alone", arguments: Fixtures.addresses)
    func networkFile(name: String, address: GuestNetwork.Address) throws {
        let text = try FirstBootCleanup.networkFileContent(GuestNetwork(macAddress: Fixtures.macAddress, address: address))
        try expectGolden(text, "pgkvm.network.\(name)")
        #expect(!text.contains("Name="))
    }

    @Test("What came of the seed is gone, the rest stays, and the guest has its network", arguments: Fixtures.addresses)
    func run(name: String, address: GuestNetwork.Address) async throws {
        try await withTemporaryDirectory { directory in
            let guest = try await GuestDirectory(directory)
            for (path, stays) in Self.leavings { try guest.write(stays ? "kept" : Self.secret, to: path) }
            let network = GuestNetwork(macAddress: Fixtures.macAddress, address: address)
            let script = try FirstBootCleanup.script(network, root: guest.root.string)
            let expected = Self.leavings.filter(\.value).keys + ["etc/cloud/cloud-init.disabled", "etc/systemd/network/05-pgkvm.network"]
            for _ in 1...2 {
                let result = try await guest.run(script)
                #expect(result.status == 0, "\(result.errorText)")
                #expect(try files(below: guest.root).sorted() == expected.sorted())
            }
            let written = guest.root.appending(FirstBootCleanup.networkFile.dropFirst().description)
            #expect(try Files.readText(written) == FirstBootCleanup.networkFileContent(network))
            #expect(Files.status(written)?.permissions == 0o644)
            #expect(try guest.systemctlCalls == ["is-enabled systemd-networkd.service", "is-enabled systemd-networkd.service"])
        }
    }

    @Test("The script is the golden one")
    func golden() throws {
        try expectGolden(try FirstBootCleanup.script(GuestNetwork(macAddress: Fixtures.macAddress, address: .dhcp)), "first-boot-cleanup.sh")
    }

    @Test("A guest whose networkd is started by netplan only gets it enabled, and an empty guest is no fault")
    func enables() async throws {
        try await withTemporaryDirectory { directory in
            let guest = try await GuestDirectory(directory, networkdIsEnabled: false)
            let script = try FirstBootCleanup.script(GuestNetwork(macAddress: Fixtures.macAddress, address: .dhcp), root: guest.root.string)
            #expect(try await guest.run(script).status == 0)
            #expect(try guest.systemctlCalls == ["is-enabled systemd-networkd.service", "enable systemd-networkd.service"])
        }
    }

    @Test("A failure on the way is no success")
    func failure() async throws {
        try await withTemporaryDirectory { directory in
            let guest = try await GuestDirectory(directory)
            try guest.write("a file where a directory belongs", to: "etc/cloud")
            let script = try FirstBootCleanup.script(GuestNetwork(macAddress: Fixtures.macAddress, address: .dhcp), root: guest.root.string)
            #expect(try await guest.run(script).status != 0)
        }
    }

    @Test("An impossible address is refused")
    func refused() {
        #expect(throws: Failure.self) { try FirstBootCleanup.script(GuestNetwork(macAddress: "x\nName=eth0", address: .dhcp)) }
    }
}

@Suite("A new host key for the guest")
struct HostKeyRotationTests {
    private func makeGuest(_ directory: FilePath) async throws -> (GuestDirectory, ApplianceName) {
        let guest = try await GuestDirectory(directory)
        let seeded = try await SSHKeyPair.generate(comment: "seed", in: directory)
        try seeded.privateKey.withRevealed { try guest.write($0, to: "etc/ssh/ssh_host_ed25519_key") }
        try guest.write(seeded.publicKey + "\n", to: "etc/ssh/ssh_host_ed25519_key.pub")
        try guest.write("rsa", to: "etc/ssh/ssh_host_rsa_key")
        try guest.write("rsa", to: "etc/ssh/ssh_host_rsa_key.pub")
        return (guest, try #require(ApplianceName("orders")))
    }

    @Test("It is made beside the old one, and takes its place when it was pinned; both scripts may run again")
    func rotate() async throws {
        try await withTemporaryDirectory { directory in
            let (guest, name) = try await makeGuest(directory)
            let key = guest.root.appending("etc/ssh/ssh_host_ed25519_key")
            let old = try Files.readText(key)
            let stage = HostKeyRotation.stageScript(hostname: name, root: guest.root.string)
            let first = try await guest.run(stage)
            #expect(first.status == 0, "\(first.errorText)")
            #expect(try await guest.run(stage).outputText == first.outputText)
            #expect(try Files.readText(key) == old)
            let publicKey = try #require(first.outputText.split(separator: "\n").first.map(String.init))
            #expect(first.outputText == publicKey + "\n")
            #expect(Files.status(guest.root.appending("etc/ssh/pgkvm_new_ed25519_key"))?.permissions == 0o600)

            let activate = try HostKeyRotation.activateScript(publicKey: publicKey, hostname: name, root: guest.root.string)
            for _ in 1...2 {
                let result = try await guest.run(activate)
                #expect(result.status == 0, "\(result.errorText)")
                #expect(try Files.list(guest.root.appending("etc/ssh")) == ["ssh_host_ed25519_key", "ssh_host_ed25519_key.pub"])
            }
            #expect(try Files.readText(guest.root.appending("etc/ssh/ssh_host_ed25519_key.pub")) == "\(publicKey) orders\n")
            let derived = try await ProgramRunner.check("ssh-keygen", ["-y", "-P", "", "-f", key.string]).outputText
            #expect(derived == "\(publicKey) orders\n")
            #expect(Files.status(key)?.permissions == 0o600)
            #expect(try guest.systemctlCalls == ["try-reload-or-restart ssh.service", "try-reload-or-restart ssh.service"])
        }
    }

    @Test("The scripts are the golden ones")
    func golden() throws {
        let name = try #require(ApplianceName("orders"))
        try expectGolden(HostKeyRotation.stageScript(hostname: name), "host-key-stage.sh")
        try expectGolden(try HostKeyRotation.activateScript(publicKey: Fixtures.publicKey, hostname: name), "host-key-activate.sh")
    }

    @Test("Half a key, as a power cut leaves it, is made anew")
    func halfKey() async throws {
        try await withTemporaryDirectory { directory in
            let (guest, name) = try await makeGuest(directory)
            try guest.write("-----BEGIN OPENSSH PRIV", to: "etc/ssh/pgkvm_new_ed25519_key")
            let result = try await guest.run(HostKeyRotation.stageScript(hostname: name, root: guest.root.string))
            #expect(result.status == 0)
            #expect(result.outputText.hasPrefix("ssh-ed25519 "))
        }
    }

    @Test("A key that was not pinned is not put in place")
    func unexpected() async throws {
        try await withTemporaryDirectory { directory in
            let (guest, name) = try await makeGuest(directory)
            let key = guest.root.appending("etc/ssh/ssh_host_ed25519_key")
            let old = try Files.readText(key)
            _ = try await guest.run(HostKeyRotation.stageScript(hostname: name, root: guest.root.string))
            let script = try HostKeyRotation.activateScript(publicKey: Fixtures.publicKey, hostname: name, root: guest.root.string)
            let result = try await guest.run(script)
            #expect(result.status == 1)
            #expect(result.errorText.contains("neither the new nor the present host key is the expected one"))
            #expect(try Files.readText(key) == old)
            #expect(Files.exists(guest.root.appending("etc/ssh/ssh_host_rsa_key")))
            #expect(throws: Failure.self) { try HostKeyRotation.activateScript(publicKey: "ssh-ed25519 AAAA'; rm", hostname: name) }
        }
    }

    @Test(
        "A real SSH server presents the new key", .enabled(if: ProgramRunner.lookUp("sshd") != nil && ProgramRunner.lookUp("ssh") != nil, "needs sshd and ssh"))
    func served() async throws {
        try await withTemporaryDirectory { directory in
            let (guest, name) = try await makeGuest(directory)
            let publicKey = try await guest.run(HostKeyRotation.stageScript(hostname: name, root: guest.root.string)).outputText
            let trimmed = String(publicKey.prefix { $0 != "\n" })
            _ = try await guest.run(HostKeyRotation.activateScript(publicKey: trimmed, hostname: name, root: guest.root.string))
            try Files.rename(guest.root.appending("etc/ssh/ssh_host_ed25519_key"), to: directory.appending("host_key"))
            try Files.write("HostKey \(directory)/host_key\nPidFile none\nUsePAM no\n", to: directory.appending("sshd_config"))
            try Files.write("guest \(trimmed)\n", to: directory.appending("known_hosts"))
            let server = try ProgramRunner.find("sshd")
            // The server speaks over the client's pipes: no port is needed.
            let result = try await ProgramRunner.run(
                "ssh",
                [
                    "-v", "-F", "none", "-o", "ProxyCommand=\(server) -i -f \(directory)/sshd_config", "-o", "UserKnownHostsFile=\(directory)/known_hosts",
                    "-o", "StrictHostKeyChecking=yes", "-o", "BatchMode=yes", "-o", "IdentitiesOnly=yes", "-i", "/dev/null", "nobody@guest", "true",
                ])
            #expect(result.errorText.contains("Host 'guest' is known and matches the ED25519 host key"), "\(result.errorText)")
        }
    }
}
