/// What one disk of a machine has transferred since the machine was started.
package struct DiskUsage: Sendable, Equatable {
    package enum Disk: String, Sendable, CaseIterable { case system, data }

    package let disk: Disk
    package let readBytes: Int64
    package let writtenBytes: Int64
    package let reads: Int64
    package let writes: Int64
    package let flushes: Int64

    package init(disk: Disk, readBytes: Int64, writtenBytes: Int64, reads: Int64, writes: Int64, flushes: Int64) {
        self.disk = disk
        self.readBytes = readBytes
        self.writtenBytes = writtenBytes
        self.reads = reads
        self.writes = writes
        self.flushes = flushes
    }
}

/// What a machine is doing, and what its disks have transferred.
package struct MachineUsage: Sendable, Equatable {
    package let state: PowerState
    /// Empty while the machine does not run or does not answer.
    package let disks: [DiskUsage]

    package init(state: PowerState, disks: [DiskUsage] = []) {
        self.state = state
        self.disks = disks
    }
}

/// A backend that reports both in one short conversation.
package protocol UsageProviding: Sendable {
    /// - Parameter timeout: how long the machine may take to answer before it counts as unresponsive.
    func usage(of machine: MachineReference, timeout: Duration) async throws -> MachineUsage
}
