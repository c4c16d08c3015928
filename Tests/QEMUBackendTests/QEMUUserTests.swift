import ApplianceModel
import HostSystem
@testable import QEMUBackend
import SystemPackage
import Testing

@Suite("The user that QEMU runs as")
struct QEMUUserTests {
    @Test("An ordinary caller is the user, and nothing stands before QEMU")
    func ordinary() throws {
        #expect(try QEMUUser(ids: nil).emulator(forKVM: true) == ["qemu-system-x86_64"])
    }

    @Test("Root's QEMU becomes the user, without capabilities, environment and ways to gain rights")
    func root() throws {
        let command = try QEMUUser(ids: .init(user: 900, group: 901)).emulator(forKVM: false)
        #expect(
            command.dropLast() == [
                "setpriv", "--reuid", "900", "--regid", "901", "--clear-groups", "--inh-caps=-all", "--bounding-set=-all", "--no-new-privs",
                "--reset-env", "--",
            ])
        #expect(command.last?.hasPrefix("/") == true)
        #expect(command.last?.hasSuffix("/qemu-system-x86_64") == true)
    }

    @Test("KVM that only root may open is not the user's")
    func kvm() async throws {
        try await Workbench.with { bench in
            let device = bench.directory.appending("kvm")
            let user = QEMUUser(ids: .init(user: 900, group: 901))
            for (mode, usable) in [(0o600, false), (0o660, false), (0o666, true)] as [(UInt32, Bool)] {
                try Files.write("", to: device, mode: FilePermissions(rawValue: mode))
                #expect(user.canUseKVM(Files.status(device)) == usable)
                #expect(QEMUUser(ids: nil).canUseKVM(Files.status(device)))
            }
        }
    }
}
