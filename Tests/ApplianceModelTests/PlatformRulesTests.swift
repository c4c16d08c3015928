import ApplianceModel
import Testing

@Suite("The rules of the platforms")
struct PlatformRulesTests {
    /// An appliance on a bridge, which every platform has.
    private func spec(_ backend: BackendKind = .qemu, _ change: (inout ApplianceSpec) -> Void = { _ in }) throws -> ApplianceSpec {
        var spec = ApplianceSpec(name: try #require(ApplianceName("orders")))
        spec.machine.backend = backend
        spec.machine.proxmox = ApplianceSpec.Proxmox(url: "https://pve1.example.org:8006", storage: "local-lvm")
        spec.machine.libvirt = ApplianceSpec.Libvirt()
        spec.network.mode = .bridge
        spec.network.device = "vmbr0"
        spec.network.address = IPv4Interface("192.168.1.20/24").map { .own($0) } ?? .dhcp
        change(&spec)
        return spec
    }

    @Test("From one platform to the next only the section of the machine changes", arguments: BackendKind.allCases)
    func same(backend: BackendKind) throws {
        let wanted = try spec(backend)
        #expect(SpecRules.faults(in: wanted) == [])
        var other = wanted
        other.machine = try spec().machine
        #expect(try other == spec())
    }

    @Test(
        "Each platform has its ways to the network",
        arguments: BackendKind.allCases, ApplianceSpec.Network.Mode.allCases)
    func modes(backend: BackendKind, mode: ApplianceSpec.Network.Mode) throws {
        let possible: [BackendKind: [ApplianceSpec.Network.Mode]] = [.qemu: [.user, .bridge, .tap], .libvirt: [.user, .bridge, .nat], .proxmox: [.bridge]]
        let wanted = try spec(backend) {
            $0.network = ApplianceSpec.Network()
            $0.network.mode = mode
            $0.network.device = mode == .user ? nil : "br0"
        }
        let faults = SpecRules.faults(in: wanted)
        #expect(faults.isEmpty == (possible[backend]?.contains(mode) == true), "\(faults)")
        #expect(faults.allSatisfy { $0.path == "network.mode" })
    }

    @Test(
        "What a platform cannot have or cannot do without is named by its key",
        arguments: [
            ("machine.libvirt.uri", { @Sendable in $0.machine.libvirt?.uri = "xen:///system" }),
            ("machine.libvirt.uri", { $0.machine.libvirt?.uri = "qemu+ssh://host/system?command=/tmp/x" }),
            ("machine.libvirt.pool", { $0.machine.libvirt?.pool = "a b" }),
            (
                "machine.systemDisk.layout",
                {
                    $0.machine.backend = .libvirt; $0.machine.systemDisk.layout = .overlay
                }
            ),
            (
                "data.adopt",
                {
                    $0.machine.backend = .proxmox; $0.dataDisk.adopt = "/kept"
                }
            ),
            (
                "machine.proxmox",
                {
                    $0.machine.backend = .proxmox; $0.machine.proxmox = nil
                }
            ),
            ("machine.proxmox.url", { $0.machine.proxmox?.url = "http://pve1:8006" }),
            ("machine.proxmox.url", { $0.machine.proxmox?.url = "https://pve1:8006/api2" }),
            ("machine.proxmox.tokenFile", { $0.machine.proxmox?.tokenFile = "token" }),
            ("machine.proxmox.fingerprint", { $0.machine.proxmox?.fingerprint = "AA:BB" }),
            ("machine.proxmox.storage", { $0.machine.proxmox?.storage = "local,import-from=x" }),
            ("machine.proxmox.node", { $0.machine.proxmox?.node = "../pve1" }),
            ("network.forwarder", { $0.network.forwarder = .passt }),
            (
                "network.forwarder",
                {
                    $0.machine.backend = .libvirt
                    $0.network = ApplianceSpec.Network()
                    $0.network.forwarder = .passt
                }
            ),
            (
                "network.mode",
                {
                    $0.machine.backend = .libvirt
                    $0.machine.libvirt?.uri = "qemu+ssh://root@kvm1/system"
                    $0.network = ApplianceSpec.Network()
                }
            ),
        ] as [(String, @Sendable (inout ApplianceSpec) -> Void)])
    func faults(key: String, change: @Sendable (inout ApplianceSpec) -> Void) throws {
        #expect(SpecRules.faults(in: try spec(.qemu, change)).map(\.path) == [key])
    }

    @Test("A server is known by its authority or by its certificate, not by both")
    func trust() throws {
        let faults = SpecRules.faults(
            in: try spec {
                $0.machine.proxmox?.caFile = "/ca.pem"
                $0.machine.proxmox?.fingerprint = Array(repeating: "0A", count: 32).joined(separator: ":")
            })
        #expect(faults.map(\.path) == ["machine.proxmox.fingerprint"])
    }
}
