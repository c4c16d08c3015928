internal import ApplianceModel
internal import Basics
internal import HostSystem
internal import MachineBackend
internal import Quoting

/// The messages of a QEMU that did not start, and what they mean.
struct QEMUWords {
    /// The maximum number of lines that are quoted.
    private static let mostLines = 6

    private let lines: [Substring]

    /// - Parameter log: the end of QEMU's log.
    init(_ log: String) {
        // Every QEMU that cannot see its directory from above prints this about a file that is not needed: it would begin every quotation.
        lines = log.split(at: "\n").filter { !$0.contains("not removing PID file on exit") }.suffix(Self.mostLines)
    }

    private var quotation: String { lines.map { SpecRules.escaped($0, limit: 400) }.joined(separator: "\n    ") }

    /// - Parameter what: what happened to QEMU, such as `QEMU ended at once`.
    func failure(_ what: String) -> Failure {
        let message = what + (lines.isEmpty ? "" : ":\n    \(quotation)")
        if let line = lines.first(where: { $0.contains("Could not access KVM kernel module") }) {
            return Failure(.kvmUnusable, message, remedy: KVMProblem(Self.verdict(line), cpu: HostCPU.current()).remedy)
        }
        let isLocked = lines.contains { $0.contains("write\" lock") }
        return Failure(.machineFailed, message, remedy: isLocked ? "another QEMU uses the disks of this machine: end it first" : nil)
    }

    /// The device could be opened a moment ago, but by a process whose rights may differ from QEMU's.
    private static func verdict(_ line: Substring) -> KVMVerdict {
        if line.contains("Permission denied") {
            let isService = !HostEnvironment.isRoot && SystemdManager.isAvailable
            return isService ? .permissionDeniedToServices(userID: HostEnvironment.userID) : .permissionDenied
        }
        if line.contains("No such file") { return .deviceMissing }
        return line.contains("No such device") ? .moduleMissing : .unusable(reason: String(line))
    }
}
