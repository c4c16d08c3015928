import HostSystem
import SystemPackage
import Testing

@testable import QEMUBackend

@Suite("The user that QEMU runs as")
struct QEMUUserTests {
    @Test("An ordinary caller is the user, and nothing stands before QEMU")
    func ordinary() throws {
        #expect(try QEMUUser(ids: nil).command == ["qemu-system-x86_64"])
    }

    @Test("A QEMU that only tries something for root becomes the user, without capabilities, environment and ways to gain rights")
    func root() throws {
        let command = try QEMUUser(ids: .init(user: 900, group: 901)).command
        #expect(
            command.dropLast() == [
                "setpriv", "--reuid", "900", "--regid", "901", "--clear-groups", "--inh-caps=-all", "--bounding-set=-all", "--no-new-privs",
                "--reset-env", "--",
            ])
        #expect(command.last?.hasPrefix("/") == true)
        #expect(command.last?.hasSuffix("/qemu-system-x86_64") == true)
    }

    @Test("Two numbers are ids, and root's are none")
    func ids() {
        #expect(QEMUUser.IDs("1879048192:1879048193") == .init(user: 1_879_048_192, group: 1_879_048_193))
        for text in ["", "1", "1:", ":1", "0:1", "1:0", "1:2:3", "a:b", "-1:1", "4294967296:1"] { #expect(QEMUUser.IDs(text) == nil, "\(text)") }
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
