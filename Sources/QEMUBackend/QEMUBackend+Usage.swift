internal import ApplianceModel
internal import Basics
internal import HostSystem
package import MachineBackend
internal import Quoting

extension QEMUBackend: UsageProviding {
    package func usage(of machine: MachineReference, timeout: Duration) async throws -> MachineUsage {
        let directory = try directory(of: machine)
        guard let found = try QEMUMachine.load(from: directory), found.spec.deployment == machine.deployment else { return MachineUsage(state: .absent) }
        do {
            guard let monitor = try await QMPClient.connect(monitorSocket(directory), timeout: timeout) else { return MachineUsage(state: .off) }
            let status = try await monitor.execute("query-status")["status"]?.string ?? "unknown"
            return MachineUsage(
                state: Self.powerState(status: status, name: machine.identifier), disks: Self.usage(try await monitor.execute("query-blockstats")))
        } catch let error as Failure where error.code == .monitorUnresponsive {
            return MachineUsage(state: try QEMUProcess.id(in: directory) == nil ? .off : .unresponsive)
        }
    }

    /// Reads the answer of `query-blockstats`; a disk that it does not describe is left out.
    static func usage(_ answer: JSONValue) -> [DiskUsage] {
        DiskUsage.Disk.allCases.compactMap { disk in
            let row = answer.array?.first { $0["qdev"]?.string?.begins(with: "/machine/peripheral/\(disk.rawValue)-disk/") == true }
            func count(_ key: String) -> Int64? { row?["stats"]?[key]?.integer }
            guard let readBytes = count("rd_bytes"), let writtenBytes = count("wr_bytes"), let reads = count("rd_operations"),
                let writes = count("wr_operations"), let flushes = count("flush_operations")
            else { return nil }
            return DiskUsage(disk: disk, readBytes: readBytes, writtenBytes: writtenBytes, reads: reads, writes: writes, flushes: flushes)
        }
    }
}
