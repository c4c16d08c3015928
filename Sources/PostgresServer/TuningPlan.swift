package import ApplianceModel
internal import Basics

/// The numbers behind the settings, from the guest's size and purpose.
///
/// The formulas are those of pgtune (github.com/le0pard/pgtune: connections, `work_mem`, parallel workers, WAL sizes by profile) and of Ubicloud's
/// PostgreSQL service (github.com/ubicloud/ubicloud: WAL bounded by the size of the disk, cost limit of autovacuum). Where their results are too
/// large for a small guest or disk, they are limited by its memory or its disk.
package struct TuningPlan: Sendable, Equatable {
    package typealias Profile = ApplianceSpec.PostgreSQL.Profile

    package let maxConnections: Int
    package let sharedBuffersMiB: Int64
    package let effectiveCacheMiB: Int64
    package let workMemMiB: Int64
    package let maintenanceWorkMemMiB: Int64
    package let autovacuumWorkMemMiB: Int64
    package let autovacuumWorkers: Int
    package let autovacuumCostLimit: Int
    package let maxWALMiB: Int64
    package let minWALMiB: Int64
    package let maxSlotWALMiB: Int64
    package let maxWorkerProcesses: Int
    package let maxParallelWorkers: Int
    package let parallelWorkersPerGather: Int
    package let parallelMaintenanceWorkers: Int

    /// - Parameter version: the major version of PostgreSQL.
    package init(size: GuestSize, profile: Profile, version: Int) {
        let memory = max(size.memory.mebibytes, 256)
        let disk = size.dataDisk.mebibytes
        let vcpus = max(size.vcpus, 1)

        // Analytic scans read past the buffers anyway, and benefit from the kernel's cache.
        sharedBuffersMiB = min(memory / 4, profile == .analytics ? 32 << 10 : 64 << 10)
        effectiveCacheMiB = memory - memory / 4

        // A busy backend needs about 8 MiB besides the buffers, the system about 256 MiB.
        let affordable = (memory - sharedBuffersMiB - 256) / 8
        maxConnections = min(profile.connections, max(25, Int(affordable)))

        maxWorkerProcesses = max(8, vcpus)
        let perSlot = (memory - sharedBuffersMiB) / (Int64(maxConnections + maxWorkerProcesses) * 3)
        workMemMiB = max(4, profile == .oltp || profile == .web ? perSlot : perSlot / 2)

        maintenanceWorkMemMiB = profile == .analytics ? min(memory / 8, 8 << 10) : min(memory / 16, 2 << 10)
        // Before 17, a vacuum cannot use more than 1 GB.
        autovacuumWorkMemMiB = min(max(memory / 32, 16), version >= 17 ? 2 << 10 : 1 << 10)
        autovacuumWorkers = vcpus >= 32 ? 5 : vcpus >= 16 ? 4 : 3
        autovacuumCostLimit = min(max(50 * vcpus, 200), 2400)

        maxWALMiB = max(64, Self.wholeSegments(min(profile.walMiB, disk / 10)))
        minWALMiB = max(32, Self.wholeSegments(maxWALMiB / 4))
        maxSlotWALMiB = max(maxWALMiB, Self.wholeSegments(disk / 5))

        maxParallelWorkers = vcpus
        let half = vcpus == 1 ? 0 : (vcpus + 1) / 2
        parallelWorkersPerGather = min(half, profile.gatherLimit)
        parallelMaintenanceWorkers = min(half, 4)
    }

    /// WAL consists of files of 16 MiB.
    private static func wholeSegments(_ mebibytes: Int64) -> Int64 { mebibytes / 16 * 16 }
}

extension TuningPlan.Profile {
    fileprivate var connections: Int {
        switch self {
        case .oltp: 300
        case .web: 200
        case .mixed: 100
        case .analytics: 40
        }
    }

    /// How much the WAL may grow between two checkpoints.
    fileprivate var walMiB: Int64 {
        switch self {
        case .oltp: 8 << 10
        case .web, .mixed: 4 << 10
        case .analytics: 16 << 10
        }
    }

    /// Short statements gain nothing from many parallel workers, which take their CPUs.
    fileprivate var gatherLimit: Int {
        switch self {
        case .oltp, .web: 2
        case .mixed: 4
        case .analytics: 16
        }
    }
}
