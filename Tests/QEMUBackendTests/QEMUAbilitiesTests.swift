import ApplianceModel
import Basics
import HostSystem
import MachineBackend
import SystemPackage
import Testing

@testable import QEMUBackend

@Suite("What QEMU says of itself")
struct QEMUAbilitiesTests {
    /// Answers of the monitor of QEMU 10.0.2, as it gives them.
    private func recorded() throws -> String {
        try Files.readText(FilePath(#filePath).removingLastComponent().removingLastComponent().appending("Fixtures/qmp-10.0.txt"))
    }

    @Test("Version, denials and devices are read from the answers of a QEMU 10")
    func recording() throws {
        let abilities = try QEMUAbilities.parse(recorded(), firmware: (code: "/code", variables: "/variables"))
        #expect(abilities.version == .init(10, 0, 2))
        #expect(abilities.sandboxDenials == ["obsolete", "elevateprivileges", "spawn", "resourcecontrol"])
        #expect(abilities.missingDevices.isEmpty)
        #expect(abilities.firmwareCode == "/code")
        #expect(abilities.firmwareVariables == "/variables")
        #expect(abilities.emulatesDebian13)
    }

    @Test("A QEMU 7.2 built without seccomp and virtio-rng is seen as what it is")
    func lesser() throws {
        let answers = """
            {"QMP": {"version": {"qemu": {"micro": 22, "minor": 2, "major": 7}, "package": ""}, "capabilities": ["oob"]}}
            {"return": {}}
            {"return": {"qemu": {"micro": 22, "minor": 2, "major": 7}, "package": "Debian"}, "id": "version"}
            {"error": {"class": "GenericError", "desc": "Invalid option name: sandbox"}, "id": "sandbox"}
            {"return": [{"name": "virtio-blk-pci"}], "id": "virtio-blk-pci"}
            {"return": [{"name": "virtio-net-pci"}], "id": "virtio-net-pci"}
            {"return": [], "id": "virtio-rng-pci"}
            {"return": [{"name": "pcie-root-port"}], "id": "pcie-root-port"}
            """
        let abilities = try QEMUAbilities.parse(answers, firmware: nil)
        #expect(abilities.version == .init(7, 2, 22))
        #expect(abilities.sandboxDenials.isEmpty)
        #expect(abilities.sandboxArguments.isEmpty)
        #expect(abilities.missingDevices == ["virtio-rng-pci"])
        #expect(abilities.firmwareCode == nil)
        #expect(!abilities.emulatesDebian13)
    }

    @Test("Output without a version is refused", arguments: ["", "{}", "qemu: no such option", #"{"return": {"qemu": {"major": 10}}, "id": "version"}"#])
    func silent(output: String) {
        let error = #expect(throws: Failure.self) { try QEMUAbilities.parse(output, firmware: nil) }
        #expect(error?.code == .machineProbeFailed)
    }

    @Test("Versions are ordered by number")
    func order() {
        let versions: [QEMUAbilities.Version] = [.init(7, 2, 22), .init(9, 2), .init(10, 0), .init(10, 0, 2), .init(10, 1)]
        #expect(versions.shuffled().sorted() == versions)
    }

    @Test("The installed QEMU answers, and has what a machine needs")
    func installed() async throws {
        let abilities = try await QEMUAbilities.probe()
        #expect(abilities.version >= .init(7, 2))
        #expect(abilities.missingDevices.isEmpty)
        #expect(abilities.sandboxDenials.count == 4)
    }

    @Test("Only a Debian 13 guest under an old emulation is refused")
    func emulation() throws {
        let old = QEMUAbilities.Version(7, 2, 22)
        let new = QEMUAbilities.Version(10, 0, 2)
        let table: [(ImageChoice, Accelerator, QEMUAbilities.Version, runs: Bool)] = [
            (.release(.debian13), .tcg, old, false), (.release(.debian13), .tcg, .init(9, 2, 4), false), (.release(.debian13), .tcg, new, true),
            (.release(.debian13), .kvm, old, true), (.release(.debian12), .tcg, old, true), (.cached("mine"), .tcg, old, true),
        ]
        for (image, accelerator, version, runs) in table {
            let check = { try QEMUBackend.checkEmulation(of: image, accelerator: accelerator, version: version) }
            if runs {
                #expect(throws: Never.self) { try check() }
            } else {
                let error = #expect(throws: Failure.self) { try check() }
                #expect(error?.code == .guestCannotRun)
                #expect(error?.remedy?.contains("--image debian-12") == true)
            }
        }
    }
}
