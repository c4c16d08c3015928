import ApplianceModel
import Basics
import HostSystem
import MachineBackend
import SystemPackage
import Testing

@testable import LibvirtBackend

@Suite("What libvirt says")
struct LibvirtTextTests {
    @Test(
        "Each state is one that the user can do something with",
        arguments: [
            ("running (booted)", "running"), ("in shutdown (unknown)", "running"), ("shut off (destroyed)", "off"), ("paused (I/O error)", "paused"),
            ("paused (user)", "paused"), ("crashed (panicked)", "paused"), ("pmsuspended (unknown)", "paused"),
        ])
    func states(text: String, word: String) { #expect(LibvirtBackend.powerState(text, name: "orders").word == word) }

    @Test("Of two leases of a card the newer one counts")
    func leases() {
        let text = """
             2026-11-25 18:40:12   52:54:00:aa:bb:cc   ipv4       192.168.122.57/24    orders     01:52:54:00:aa:bb:cc
             2026-11-25 18:59:01   52:54:00:aa:bb:cc   ipv4       192.168.122.99/24    orders     ff:00
             2026-11-25 19:40:12   52:54:00:aa:bb:cc   ipv6       fd00::7/64           orders     ff:00
            """
        #expect(Lease.newest(in: text) == IPv4Address(192, 168, 122, 99))
        #expect(Lease.newest(in: "\n") == nil)
    }

    @Test(
        "Only what is said of a domain that is not there counts as its absence",
        arguments: [
            ("error: failed to get domain 'orders'\n", Failure.Code.libvirtNotFound),
            ("error: Domain not found: no domain with matching uuid '9'\n", .libvirtNotFound),
            ("error: failed to get vol 'a'\nerror: Storage volume not found: no storage vol with matching path 'a'\n", .libvirtNotFound),
            ("error: failed to get network 'lab'\nerror: Network not found: no network with matching name 'lab'\n", .libvirtNotFound),
            ("error: Disconnected from qemu:///system due to end of file\nerror: failed to get domain 'orders'\n", .libvirtUnreachable),
            ("error: failed to get domain 'orders'\nerror: access denied: 'domain' denied access\n", .libvirtRefused),
            ("error: failed to get pool 'a'\nerror: Storage pool not found: no storage pool with matching name 'a'\n", .libvirtPool),
            ("error: pool 'a' is not active\n", .libvirtPool),
            ("error: Requested operation is not valid: storage pool 'a' containing volume 'b' is not active\n", .libvirtPool),
            ("error: Requested operation is not valid: network 'default' is not active\n", .libvirtRefused),
        ])
    func errors(text: String, code: Failure.Code) {
        let failure = Virsh(uri: "qemu:///system").failure(text, of: "domstate", status: 1)
        #expect(failure.code == code)
        #expect(code != .libvirtPool || failure.remedy?.contains(" a") == true)
    }

    @Test("A pool of files has a directory, and no other has")
    func directories() {
        #expect(Volumes.directory(in: "<pool type='dir'>\n<target>\n<path>/srv/a &amp;lt; b&apos;s</path>") == "/srv/a &lt; b's")
        #expect(Volumes.directory(in: "<pool type='netfs'>\n<path>/mnt/a</path>") == "/mnt/a")
        #expect(Volumes.directory(in: "<pool type='logical'>\n<path>/dev/vg</path>") == nil)
    }

    @Test(
        "Other hosts reach guests of a network that is routed or open",
        arguments: [
            ("<forward mode='nat'>", false), ("<forward dev='eth0' mode='nat'>", false), ("<name>x</name>", false), ("<forward mode='route'/>", true),
            ("<forward dev='eth0' mode='open'/>", true),
        ])
    func forwarding(text: String, isReached: Bool) { #expect(LibvirtHost.isReachedFromOutside(text) == isReached) }

    @Test("The console of a machine of the system's daemon is read by root alone, and its file is no domain's own log")
    func serialLog() throws {
        let machine = MachineReference(backend: .libvirt, deployment: .random(), identifier: "orders")
        var choice = ApplianceSpec.Libvirt()
        let backend = LibvirtBackend(choice, state: StateDirectory(path: "/state"))
        #expect(backend.serialLog(of: machine, isRoot: false) == nil)
        #expect(backend.serialLog(of: machine, isRoot: true)?.string == "/var/log/libvirt/qemu/orders-\(machine.deployment)-serial.log")
        choice.uri = "qemu:///session"
        #expect(LibvirtBackend(choice, state: StateDirectory(path: "/state")).serialLog(of: machine, isRoot: false) != nil)
    }

    @Test("AppArmor lets QEMU open every disk of a machine", .enabled("libvirt has no AppArmor here") { Files.isExecutable(Self.helper) })
    func appArmor() async throws {
        let directory = try Files.createTemporaryDirectory(in: "/var/tmp", prefix: "pgkvm-libvirt")
        defer { try? Files.remove(directory) }
        let deployment = DeploymentID.random()
        let spec = MachineSpec(
            deployment: deployment, name: try #require(ApplianceName("orders")), cpu: CPUDecision(accelerator: .tcg, vcpus: 1, memory: .mebibytes(128)),
            disk: DiskDecision(cacheDirect: true, aio: .native, ioThread: true, fileSystem: "ext4"),
            network: NetworkDecision(mode: .nat, macAddress: deployment.macAddress, sshPort: 22, postgresqlPort: 5432, device: "default"),
            image: BaseImage(path: "/image", key: "key", format: .qcow2, firmware: .uefi), systemDisk: ApplianceSpec.SystemDisk(),
            dataDiskSize: .mebibytes(1), adoptedDataDisk: nil)
        for name in VolumeNames(spec).all { try Files.write([UInt8](repeating: 0, count: 4096), to: directory.appending(name)) }
        let text = try DomainText(spec: spec, directory: directory.string, log: nil, hasSeed: true).domain()
        let result = try await ProgramRunner.run(
            "env", [Self.helper.string, "--create", "--dryrun", "--uuid", "libvirt-\(deployment.uuid)"], input: Array(text.utf8))
        let rules = result.outputText + result.errorText
        for name in VolumeNames(spec).disks { #expect(rules.contains("\"\(directory)/\(name)\" rwk"), "\(rules)") }
        #expect(rules.contains("\"\(directory)/\(VolumeNames(spec).seed)\" rk"), "\(rules)")
    }

    private static let helper: FilePath = "/usr/lib/libvirt/virt-aa-helper"
}
