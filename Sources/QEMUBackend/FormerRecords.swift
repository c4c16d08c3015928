package import ApplianceModel
internal import Basics
internal import HostSystem
package import MachineBackend
internal import SystemPackage

/// The records that older versions kept in QEMU's own directory.
enum FormerRecords {
    /// Whether the lock on the process log is held there: a QEMU that an older version started without systemd holds it for as long as it lives.
    static func isLogLocked(_ directory: MachineDirectory) -> Bool {
        guard let place = try? DirectoryHandle.open(directory.path) else { return false }
        return place.isLocked(MachineDirectory.Record.processLog)
    }
}

extension QEMUBackend: RecordKeeping {
    /// The records that QEMU wrote itself, in part or in full.
    static let recordsOfQEMU = [MachineDirectory.Record.serialLog, MachineDirectory.Record.processLog, MachineDirectory.Record.processID]

    package func takeOverRecords(of name: ApplianceName, deployment: DeploymentID, network: NetworkDecision?) async throws {
        let directory = state.appliance(name).machine()
        let records = MachineRecords(directory)
        // The steps that cannot be refused come first: a refused record has to be handled by hand, and by then everything else is in order.
        try QEMUProcess.takeOver(in: directory)
        try takeOverLogs(directory)
        try records.removeFormer([MachineDirectory.Record.powerLock])
        try records.takeOver(MachineDirectory.Record.machine) { bytes in
            let file = directory.file(MachineDirectory.Record.machine)
            let found = try QEMUMachine.decode(bytes, file: file).spec
            // The directory belonged to QEMU, and a start opens any device of this host that the record names.
            guard found.name == name, found.deployment == deployment, network.map({ $0 == found.network }) ?? true else {
                throw Failure(
                    .machineFailed, "'\(file)' is not the record of the machine of '\(name)' that the journal tells of, and was not taken over",
                    remedy: "restore it from a backup")
            }
        }
    }

    func takeOverLogs(_ directory: MachineDirectory) throws {
        let records = MachineRecords(directory)
        for name in [MachineDirectory.Record.serialLog, MachineDirectory.Record.processLog] { try records.takeOverLog(name) }
    }
}
