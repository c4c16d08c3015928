import ApplianceModel
import Basics
import HostSystem
import MachineBackend
import Testing

@testable import QEMUBackend

@Suite("What QEMU said that did not come up")
struct QEMUWordsTests {
    private static let pidFile =
        "qemu-system-x86_64: warning: not removing PID file on exit: cannot resolve PID file path: qemu.pid: Permission denied"

    @Test("The last lines are quoted, without the one about a file that nobody needs")
    func quoted() {
        let log = ([Self.pidFile] + (1...9).map { "line \($0)" } + [Self.pidFile]).joined(separator: "\n")
        let failure = QEMUWords(log).failure("QEMU ended at once with status 1")
        #expect(failure.code == .machineFailed)
        #expect(failure.message == "QEMU ended at once with status 1:\n    " + (4...9).map { "line \($0)" }.joined(separator: "\n    "))
        #expect(failure.remedy == nil)
        #expect(QEMUWords(Self.pidFile + "\n").failure("QEMU ended").message == "QEMU ended")
        #expect(QEMUWords("").failure("QEMU ended").message == "QEMU ended")
    }

    @Test(
        "A KVM that went away, or is closed to QEMU, has its own remedy",
        arguments: ["No such file or directory", "No such device", "Permission denied", "Too many open files"])
    func kvm(reason: String) {
        let failure = QEMUWords("qemu-system-x86_64: Could not access KVM kernel module: \(reason)\n").failure("QEMU ended at once")
        #expect(failure.code == .kvmUnusable)
        #expect(failure.remedy?.isEmpty == false)
    }

    @Test("A disk that another QEMU has locked is that one's")
    func locked() {
        let words = QEMUWords("qemu-system-x86_64: -blockdev driver=file: Failed to get \"write\" lock\nIs another process using the image?\n")
        #expect(words.failure("QEMU ended at once").remedy == "another QEMU uses the disks of this machine: end it first")
    }
}
