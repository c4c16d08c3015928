internal import ApplianceModel
internal import Basics
internal import HostSystem
internal import MachineBackend
internal import Quoting

/// What a QEMU said that did not come up, and what it means.
struct QEMUWords {
    /// Quoted at most.
    private static let mostLines = 6

    private let lines: [Substring]

    /// - Parameter log: the end of its log.
    init(_ log: String) {
        // Said of a file that is not needed, by each QEMU whose directory it may not see from above: it would stand first in every quotation.
        lines = log.split(at: "\n").filter { !$0.contains("not removing PID file on exit") }.suffix(Self.mostLines)
    }

    private var quotation: String { lines.map { SpecRules.escaped($0, limit: 400) }.joined(separator: "\n    ") }

    /// - Parameter what: what became of it, such as `QEMU ended at once`.
    func failure(_ what: String) -> Failure {
        let message = what + (lines.isEmpty ? "" : ":\n    \(quotation)")
        if let line = lines.first(where: { $0.contains("Could not access KVM kernel module") }) {
            return Failure(.kvmUnusable, message, remedy: KVMProblem(Self.verdict(line), cpu: HostCPU.current()).remedy)
        }
        let isLocked = lines.contains { $0.contains("write\" lock") }
        return Failure(.machineFailed, message, remedy: isLocked ? "another QEMU uses the disks of this machine: end it first" : nil)
    }

    /// The device could be opened a moment ago, by a process with rights that need not be QEMU's.
    private static func verdict(_ line: Substring) -> KVMVerdict {
        if line.contains("Permission denied") {
            let isService = !HostEnvironment.isRoot && SystemdManager.isAvailable
            return isService ? .permissionDeniedToServices(userID: HostEnvironment.userID) : .permissionDenied
        }
        if line.contains("No such file") { return .deviceMissing }
        return line.contains("No such device") ? .moduleMissing : .unusable(reason: String(line))
    }
}
