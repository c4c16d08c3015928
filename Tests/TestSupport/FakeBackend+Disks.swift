package import MachineBackend
internal import Synchronization

/// What a fake platform says of its disks.
package struct FakeDisks: Sendable {
    package var nodes: [DiskNode]? = [
        DiskNode(name: "data", driver: "raw", isDirect: true, dropsFlushes: false, isWritable: true, decidedDirect: true)
    ]
    /// Given one after the other; the last one again and again.
    package var counters = [DiskCounters(reads: 0, writes: 0, flushes: 0)]
    /// Serials of the disks that are lent.
    package var lent: Set<String> = []
}

extension FakeBackend: DiskLending {
    package func diskNodes(of machine: MachineReference) async throws -> [DiskNode]? {
        try note("diskNodes")
        return disks.withLock { $0.nodes }
    }

    package func diskCounters(of machine: MachineReference, serial: String) async throws -> DiskCounters {
        try note("diskCounters")
        return disks.withLock { $0.counters.count > 1 ? $0.counters.removeFirst() : $0.counters[0] }
    }

    package func attachNullDisk(to machine: MachineReference, serial: String, latency: Duration) async throws {
        try note("attachNullDisk")
        _ = disks.withLock { $0.lent.insert(serial) }
    }

    package func detachNullDisk(from machine: MachineReference, serial: String) async throws {
        try note("detachNullDisk")
        _ = disks.withLock { $0.lent.remove(serial) }
    }
}
