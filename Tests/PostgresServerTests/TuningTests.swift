import ApplianceModel
import Basics
import PostgresServer
import Testing

@Suite("Tuning, over every size and profile")
struct TuningTests {
    static let memories: [Int64] = (0...9).map { 512 << $0 } + [600, 768, 1536, 3000, 6 << 10, 96 << 10]
    static let disks: [ByteSize] = [.gibibytes(1), .gibibytes(10), .gibibytes(64), .gibibytes(1024), .gibibytes(16 << 10)]
    static let cpus = [1, 2, 3, 4, 8, 16, 32, 64, 256]
    static let versions = [15, 17, 18]

    private func plans(_ profile: TuningPlan.Profile) -> [(GuestSize, TuningPlan)] {
        Self.memories.flatMap { memory in
            Self.disks.flatMap { disk in
                Self.cpus.flatMap { vcpus in
                    Self.versions.map { version in
                        let size = GuestSize(vcpus: vcpus, memory: .mebibytes(memory), dataDisk: disk)
                        return (size, TuningPlan(size: size, profile: profile, version: version))
                    }
                }
            }
        }
    }

    @Test("What can be in use at once fits into the memory", arguments: TuningPlan.Profile.allCases)
    func memoryIsBounded(profile: TuningPlan.Profile) {
        for (size, plan) in plans(profile) {
            let sum =
                plan.sharedBuffersMiB + Int64(plan.maxConnections) * plan.workMemMiB + plan.maintenanceWorkMemMiB
                + Int64(plan.autovacuumWorkers) * plan.autovacuumWorkMemMiB
            #expect(sum <= size.memory.mebibytes, "\(size) \(plan)")
            #expect(plan.sharedBuffersMiB + plan.effectiveCacheMiB <= size.memory.mebibytes)
        }
    }

    @Test("The WAL never takes more than a third of the data disk", arguments: TuningPlan.Profile.allCases)
    func walIsBounded(profile: TuningPlan.Profile) {
        for (size, plan) in plans(profile) {
            #expect(plan.maxWALMiB + plan.maxSlotWALMiB <= size.dataDisk.mebibytes / 3, "\(size)")
            #expect(plan.minWALMiB <= plan.maxWALMiB)
            #expect(plan.maxWALMiB <= plan.maxSlotWALMiB)
        }
    }

    @Test("Every value is within the server's limits", arguments: TuningPlan.Profile.allCases)
    func limits(profile: TuningPlan.Profile) {
        let mebibytesInKilobytes: Int64 = 2_147_483_647 / 1024
        for (size, plan) in plans(profile) {
            #expect((25...300).contains(plan.maxConnections))
            #expect((128...(1 << 30) / 128).contains(plan.sharedBuffersMiB))
            for value in [plan.workMemMiB, plan.maintenanceWorkMemMiB, plan.autovacuumWorkMemMiB] {
                #expect((1...mebibytesInKilobytes).contains(value))
            }
            #expect(plan.minWALMiB >= 32, "two segments of 16 MiB")
            #expect((8...max(8, size.vcpus)).contains(plan.maxWorkerProcesses))
            #expect(plan.maxParallelWorkers <= plan.maxWorkerProcesses)
            #expect(plan.parallelWorkersPerGather <= plan.maxParallelWorkers)
            #expect(size.vcpus > 1 || plan.parallelWorkersPerGather == 0)
            #expect((1...10_000).contains(plan.autovacuumCostLimit))
        }
    }

    @Test("More memory never means less of anything", arguments: TuningPlan.Profile.allCases, cpus)
    func growsWithMemory(profile: TuningPlan.Profile, vcpus: Int) {
        let plans = Self.memories.sorted().map {
            TuningPlan(size: GuestSize(vcpus: vcpus, memory: .mebibytes($0), dataDisk: .gibibytes(100)), profile: profile, version: 17)
        }
        for (smaller, larger) in zip(plans, plans.dropFirst()) {
            #expect(smaller.sharedBuffersMiB <= larger.sharedBuffersMiB)
            #expect(smaller.effectiveCacheMiB <= larger.effectiveCacheMiB)
            #expect(smaller.maxConnections <= larger.maxConnections)
            #expect(smaller.workMemMiB <= larger.workMemMiB, "\(smaller) \(larger)")
            #expect(smaller.maintenanceWorkMemMiB <= larger.maintenanceWorkMemMiB)
            #expect(smaller.autovacuumWorkMemMiB <= larger.autovacuumWorkMemMiB)
        }
    }

    @Test("A larger disk never means less WAL", arguments: TuningPlan.Profile.allCases)
    func growsWithDisk(profile: TuningPlan.Profile) {
        let plans = Self.disks.map { TuningPlan(size: GuestSize(vcpus: 2, memory: .gibibytes(4), dataDisk: $0), profile: profile, version: 17) }
        for (smaller, larger) in zip(plans, plans.dropFirst()) {
            #expect(smaller.maxWALMiB <= larger.maxWALMiB)
            #expect(smaller.maxSlotWALMiB <= larger.maxSlotWALMiB)
        }
    }

    @Test("The figures of pgtune for 16 GiB, 4 vCPUs and a disk that is large enough")
    func knownFigures() {
        let size = GuestSize(vcpus: 4, memory: .gibibytes(16), dataDisk: .gibibytes(1024))
        let web = TuningPlan(size: size, profile: .web, version: 17)
        #expect(web.maxConnections == 200)
        #expect(web.sharedBuffersMiB == 4096)
        #expect(web.effectiveCacheMiB == 12288)
        #expect(web.maintenanceWorkMemMiB == 1024)
        #expect(web.workMemMiB == 12288 / (208 * 3))
        #expect((web.minWALMiB, web.maxWALMiB) == (1024, 4096))
        #expect(web.parallelWorkersPerGather == 2)
        let analytics = TuningPlan(size: size, profile: .analytics, version: 17)
        #expect(analytics.maxConnections == 40)
        #expect(analytics.maintenanceWorkMemMiB == 2048)
        #expect(analytics.workMemMiB == 12288 / (48 * 3) / 2)
        #expect(analytics.maxWALMiB == 16384)
    }

    @Test("A version is only asked for what it has")
    func versions() {
        let size = GuestSize(vcpus: 4, memory: .gibibytes(4), dataDisk: .gibibytes(50))
        func values(_ version: Int) -> [String: String] { Tuning.settings(size: size, profile: .mixed, version: version).effective }
        #expect(values(14)["wal_compression"] == "on")
        #expect(values(15)["wal_compression"] == "lz4")
        #expect(values(17)["io_method"] == nil)
        #expect(values(18)["io_method"] == "worker")
    }
}
