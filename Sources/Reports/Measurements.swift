package import ApplianceModel

/// A figure that was measured, comparable from run to run.
package struct Metric: Codable, Sendable, Equatable {
    package typealias Unit = MetricUnit

    /// Which way is the better one.
    package enum Better: String, Codable, Sendable { case lower, higher }

    /// Stable, below the id of its check: `disk.write-latency.p99`; part of the API.
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

/// What one verification measured beyond its findings: the material of charts, tables and comparisons.
package struct Measurements: Codable, Sendable, Equatable {
    package var metrics: [Metric] = []
    package var latencies: [LatencyComparison] = []
    package var processor: ProcessorComparison?
    package var settings: [SettingRow] = []
    /// What programs printed, by their names, kept as it was.
    package var outputs: [String: String] = [:]

    package init() {}

    /// Leaves out figures that are no numbers: they can be neither stored nor compared, and a limit on one counts as not measured.
    package mutating func keepFinite() {
        metrics.removeAll { !$0.value.isFinite }
        latencies.removeAll { !$0.isFinite }
    }
}

/// Latencies of many operations of one kind.
package struct LatencyDistribution: Codable, Sendable, Equatable {
    /// The latency below which `percent` of the operations stay.
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
    /// By rising percent. A percentile that too few operations stand behind is not in it.
    package let points: [Point]

    package init(count: Int, meanNanoseconds: Double, points: [Point]) {
        self.count = count
        self.meanNanoseconds = meanNanoseconds
        self.points = points
    }

    package func nanoseconds(at percent: Double) -> Double? { points.first { $0.percent == percent }?.nanoseconds }
}

/// A value with the interval in which 95 of 100 repetitions would put it.
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
    /// What was done: `8 KiB write and fdatasync, one at a time`.
    package let work: String
    /// Nil where the host's side is no storage of its own.
    package let host: LatencyDistribution?
    package let guest: LatencyDistribution
    /// The guest's median against the host's, of paired rounds; nil when it would mean nothing.
    package let ratio: Estimate?
    package let rounds: Int
    /// Why the comparison is inconclusive; nil when it is not.
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
        /// EAX, EBX, ECX, EDX, one array for each observer; nil where it cannot say.
        package let registers: [[UInt32]?]

        package init(leaf: UInt32, subleaf: UInt32, registers: [[UInt32]?]) {
            self.leaf = leaf
            self.subleaf = subleaf
            self.registers = registers
        }
    }

    /// One feature by the name that /proc/cpuinfo has for it.
    package struct Flag: Codable, Sendable, Equatable {
        package let name: String
        /// One for each observer; nil where it cannot say.
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

/// One setting of the server: asked for against got.
package struct SettingRow: Codable, Sendable, Equatable {
    package let name: String
    /// Nil when nobody asked for a value.
    package let asked: String?
    package let inForce: String
    /// Where the value in force comes from: a file and line, or the kind of source.
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
