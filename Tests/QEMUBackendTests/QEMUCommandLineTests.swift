import ApplianceModel
import MachineBackend
import SystemPackage
import TestSupport
import Testing

@testable import QEMUBackend

@Suite("QEMU's command line")
struct QEMUCommandLineTests {
    static let abilities = QEMUAbilities(
        version: .init(10, 0, 2), sandboxDenials: ["obsolete", "elevateprivileges", "spawn", "resourcecontrol"], missingDevices: [],
        firmwareCode: "/usr/share/OVMF/OVMF_CODE_4M.fd", firmwareVariables: "/usr/share/OVMF/OVMF_VARS_4M.fd")

    struct Example: Sendable, CustomTestStringConvertible {
        let testDescription: String
        var seed = false
        var denials = QEMUCommandLineTests.abilities.sandboxDenials
        var firmwareCode = QEMUCommandLineTests.abilities.firmwareCode
        let change: @Sendable (inout SpecParts) -> Void
    }

    static let examples = [
        Example(testDescription: "tcg-seed", seed: true) { _ in },
        Example(testDescription: "kvm-iothread") { parts in
            parts.accelerator = .kvm
            parts.ioThread = true
        },
        Example(testDescription: "tcg-bios", firmwareCode: nil) { $0.firmware = .bios },
        Example(testDescription: "tcg-cached-threads-comma", denials: ["obsolete", "spawn"], firmwareCode: "/opt/ovmf,4m/code.fd") { parts in
            parts.direct = false
            parts.aio = .threads
        },
        Example(testDescription: "tcg-io-uring-no-sandbox", denials: []) { $0.aio = .ioUring },
        Example(testDescription: "kvm-bridge-queues-vhost") { parts in
            parts.accelerator = .kvm
            parts.network = NetworkDecision(
                mode: .bridge, macAddress: "52:54:00:a1:b2:c3", sshPort: 22, postgresqlPort: 5432, device: "br0", address: IPv4Address(192, 168, 1, 20),
                queues: 4, usesVhost: true)
        },
        Example(testDescription: "tcg-passt") { parts in
            parts.network = NetworkDecision(
                mode: .user, macAddress: "52:54:00:a1:b2:c3", sshPort: 40022, postgresqlPort: 45432, forwarder: .passt)
        },
        Example(testDescription: "tcg-tap-dhcp") { parts in
            parts.network = NetworkDecision(
                mode: .tap, macAddress: "52:54:00:a1:b2:c3", sshPort: 22, postgresqlPort: 5432, device: "tap0", queues: 1, usesVhost: false)
        },
    ]

    @Test("Every argument is as committed", arguments: examples)
    func golden(example: Example) throws {
        let machine = QEMUMachine(spec: try makeMachineSpec("orders", example.change), hasSeed: example.seed, isComplete: true)
        let arguments = QEMUCommandLine(machine: machine, abilities: Self.abilities(example.denials, example.firmwareCode)).arguments
        try Golden.expect(arguments.joined(separator: "\n") + "\n", "QEMUBackend/\(example.testDescription).txt")
    }

    private static func abilities(_ denials: [String], _ firmware: String?) -> QEMUAbilities {
        QEMUAbilities(
            version: abilities.version, sandboxDenials: denials, missingDevices: [], firmwareCode: firmware, firmwareVariables: nil)
    }

    @Test("Every disk says how it is cached, and none gives space back", arguments: examples)
    func explicit(example: Example) throws {
        let machine = QEMUMachine(spec: try makeMachineSpec("orders", example.change), hasSeed: true, isComplete: true)
        let nodes = QEMUCommandLine(machine: machine, abilities: Self.abilities).arguments.filter {
            $0.hasPrefix("driver=") && !$0.contains("firmware")
        }
        #expect(nodes.count == 6)
        for node in nodes {
            #expect(node.contains("cache.direct="))
            #expect(node.contains("cache.no-flush=off"))
            #expect(node.contains("discard=ignore"))
            #expect(node.contains("driver=file") == node.contains("aio="))
        }
    }

    @Test("A process is named after its appliance, in the 15 bytes that the kernel keeps")
    func processName() throws {
        #expect(QEMUCommandLine.processName(of: try #require(ApplianceName("orders"))) == "pg-orders")
        #expect(QEMUCommandLine.processName(of: try #require(ApplianceName("a-very-long-name-indeed"))) == "pg-a-very-long-")
    }

    @Test("systemd gets a unit that shuts the guest down and never cuts its power")
    func systemd() throws {
        let name = try #require(ApplianceName("orders"))
        for isRoot in [true, false] {
            let supervisor = SystemdSupervisor(isRoot: isRoot, program: "/usr/local/bin/pgkvm", state: StateDirectory(path: "/var/lib/pgkvm"))
            let arguments = try supervisor.arguments(
                ["qemu-system-x86_64", "-name", "x"], for: name, in: StateDirectory(path: "/var/lib/pgkvm").appliance(name).machine())
            try Golden.expect(arguments.joined(separator: "\n") + "\n", "QEMUBackend/systemd-\(isRoot ? "root" : "user").txt")
        }
    }
}
