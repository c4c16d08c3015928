package import ApplianceModel

/// A measured figure, comparable from run to run.
package struct Metric: Codable, Sendable, Equatable {
    package typealias Unit = MetricUnit

    /// Which direction is better.
    package enum Better: String, Codable, Sendable { case lower, higher }

    /// Stable, and begins with the id of its check: `disk.write-latency.p99`; part of the API.
    package let id: String
    package let value: Double
    package let unit: Unit
    package let better: Better

    package init(_ id: String, _ value: Double, _ unit: Unit, better: Better) {
        self.id = id
        self.value = value
        self.unit = unit
        self.better = better
    }
}

/// What one verification measured beyond its findings: the data for charts, tables and comparisons.
package struct Measurements: Codable, Sendable, Equatable {
    package var metrics: [Metric] = []
    package var latencies: [LatencyComparison] = []
    package var processor: ProcessorComparison?
    package var settings: [SettingRow] = []
    /// The output of programs, by their names, unchanged.
    package var outputs: [String: String] = [:]

    package init() {}

    /// Removes figures that are not numbers: they can be neither stored nor compared, and a limit for one counts as not measured.
    package mutating func keepFinite() {
        metrics.removeAll { !$0.value.isFinite }
        latencies.removeAll { !$0.isFinite }
    }
}

/// Latencies of many operations of one kind.
package struct LatencyDistribution: Codable, Sendable, Equatable {
    /// The latency below which `percent` of the operations are.
    package struct Point: Codable, Sendable, Equatable {
        /// 0 to 100.
        package let percent: Double
        package let nanoseconds: Double

        package init(percent: Double, nanoseconds: Double) {
            self.percent = percent
            self.nanoseconds = nanoseconds
        }
    }

    /// The number of operations.
    package let count: Int
    package let meanNanoseconds: Double
    /// In order of rising percent. A percentile that is based on too few operations is left out.
    package let points: [Point]

    package init(count: Int, meanNanoseconds: Double, points: [Point]) {
        self.count = count
        self.meanNanoseconds = meanNanoseconds
        self.points = points
    }

    package func nanoseconds(at percent: Double) -> Double? { points.first { $0.percent == percent }?.nanoseconds }
}

/// A value with the interval in which 95 of 100 repetitions would be.
package struct Estimate: Codable, Sendable, Equatable {
    package let value: Double
    package let low: Double
    package let high: Double

    package init(value: Double, low: Double, high: Double) {
        self.value = value
        self.low = low
        self.high = high
    }
}

/// The same work in the guest and on the host, in interleaved rounds.
package struct LatencyComparison: Codable, Sendable, Equatable {
    /// The id of the check that measured it.
    package let check: String
    /// The work that was done: `8 KiB write and fdatasync, one at a time`.
    package let work: String
    /// Nil if the host's side does not have its own storage.
    package let host: LatencyDistribution?
    package let guest: LatencyDistribution
    /// The guest's median divided by the host's, from paired rounds; nil if it would have no meaning.
    package let ratio: Estimate?
    package let rounds: Int
    /// Why the comparison is inconclusive; nil if it is not.
    package let inconclusive: String?

    package init(
        check: String, work: String, host: LatencyDistribution?, guest: LatencyDistribution, ratio: Estimate?, rounds: Int, inconclusive: String?
    ) {
        self.check = check
        self.work = work
        self.host = host
        self.guest = guest
        self.ratio = ratio
        self.rounds = rounds
        self.inconclusive = inconclusive
    }
}

extension LatencyComparison {
    fileprivate var isFinite: Bool {
        let sides = [host, guest].compactMap(\.self)
        let numbers = sides.flatMap { [$0.meanNanoseconds] + $0.points.flatMap { [$0.percent, $0.nanoseconds] } }
        return (numbers + [ratio?.value, ratio?.low, ratio?.high].compactMap(\.self)).allSatisfy(\.isFinite)
    }
}

/// CPUID as different observers see it, side by side.
package struct ProcessorComparison: Codable, Sendable, Equatable {
    /// One leaf and sub-leaf as every observer saw it.
    package struct Leaf: Codable, Sendable, Equatable {
        package let leaf: UInt32
        package let subleaf: UInt32
        /// EAX, EBX, ECX, EDX, one array for each observer; nil if an observer cannot report it.
        package let registers: [[UInt32]?]

        package init(leaf: UInt32, subleaf: UInt32, registers: [[UInt32]?]) {
            self.leaf = leaf
            self.subleaf = subleaf
            self.registers = registers
        }
    }

    /// One feature, by its name in /proc/cpuinfo.
    package struct Flag: Codable, Sendable, Equatable {
        package let name: String
        /// One for each observer; nil if an observer cannot report it.
        package let isSet: [Bool?]

        package init(name: String, isSet: [Bool?]) {
            self.name = name
            self.isSet = isSet
        }
    }

    /// `host`, `KVM`, `micro-guest`, `guest`.
    package let observers: [String]
    package let leaves: [Leaf]
    package let flags: [Flag]

    package init(observers: [String], leaves: [Leaf], flags: [Flag]) {
        self.observers = observers
        self.leaves = leaves
        self.flags = flags
    }
}

/// One setting of the server: the requested value and the actual one.
package struct SettingRow: Codable, Sendable, Equatable {
    package let name: String
    /// Nil if no value was requested.
    package let asked: String?
    package let inForce: String
    /// The source of the value in force: a file and line, or the kind of source.
    package let source: String
    package let pendingRestart: Bool
    package let isAsAsked: Bool

    package init(name: String, asked: String?, inForce: String, source: String, pendingRestart: Bool, isAsAsked: Bool) {
        self.name = name
        self.asked = asked
        self.inForce = inForce
        self.source = source
        self.pendingRestart = pendingRestart
        self.isAsAsked = isAsAsked
    }
}
