import ApplianceModel
import Basics
import Testing

@Suite("Limits of figures")
struct MetricLimitTests {
    @Test(
        "Values are read with their units",
        arguments: [
            ("5ms", 5e6, MetricUnit.nanoseconds), ("250us", 250e3, .nanoseconds), ("250 µs", 250e3, .nanoseconds), ("1.5S", 1.5e9, .nanoseconds),
            ("80ns", 80, .nanoseconds), ("93.5MB/s", 93.5e6, .bytesPerSecond), ("2MiB/s", 2_097_152, .bytesPerSecond), ("10Gbit/s", 1.25e9, .bytesPerSecond),
            ("500tps", 500, .transactionsPerSecond), ("1.5x", 1.5, .ratio), ("3", 3, nil), ("0", 0, nil),
        ] as [(String, Double, MetricUnit?)])
    func values(text: String, value: Double, unit: MetricUnit?) {
        let parsed = MetricUnit.parse(text)
        #expect(parsed?.value == value)
        #expect(parsed?.unit == unit)
    }

    @Test("What is no value is refused", arguments: ["", "ms", "-5ms", "5 min", "1e3ms", ".5x", "5.ms", "1.2.3x", "５ms", "nan", "inf", "5MB", "0x10"])
    func noValues(text: String) { #expect(MetricUnit.parse(text) == nil) }

    @Test("A limit has a figure that is measured and a value in its unit")
    func limits() throws {
        #expect(try MetricLimit("disk.write-latency.p99=5ms") == MetricLimit(metric: "disk.write-latency.p99", value: 5e6))
        #expect(try MetricLimit("disk.write-latency.ratio=2") == MetricLimit(metric: "disk.write-latency.ratio", value: 2))
        let faults = [
            ("disk.write-latency.p99", "write METRIC=VALUE"), ("disk.write-latncy.p99=5ms", "did you mean 'disk.write-latency.p99'?"),
            ("shoe.size=5", "no check measures 'shoe.size'"), ("disk.write-latency.p99=5", "write 250us, 5ms or 1s"),
            ("disk.write-latency.p99=5MB/s", "'5MB/s' is no limit"), ("postgresql.pgbench.select-only=5x", "write 500tps"), ("=5ms", "no check measures ''"),
        ]
        for (text, message) in faults {
            let error = #expect(throws: Failure.self) { try MetricLimit(text) }
            #expect(error?.code == .invalidInput)
            #expect(error?.message.contains(message) == true, "\(error?.message ?? "")")
        }
    }

    @Test(
        "Figures are written with three digits and the unit that fits",
        arguments: [
            (MetricUnit.nanoseconds, 84, "84 ns"), (.nanoseconds, 999.7, "1.00 µs"), (.nanoseconds, 84_250, "84.3 µs"), (.nanoseconds, 1_234_567, "1.23 ms"),
            (.nanoseconds, 0, "0 ns"), (.nanoseconds, 0.25, "0.25 ns"), (.nanoseconds, 61e9, "61 s"), (.bytesPerSecond, 93_460_000, "93.5 MB/s"),
            (.transactionsPerSecond, 17366.4, "17366 tps"), (.ratio, 1.214, "1.21x"), (.ratio, 18.44, "18.4x"), (.count, 1_000_000, "1000000"),
            (.count, .nan, "-"), (.count, .infinity, "-"), (.count, 1e300, "1e+300"),
        ] as [(MetricUnit, Double, String)])
    func text(unit: MetricUnit, value: Double, text: String) { #expect(unit.text(value) == text) }

    @Test("Every figure of the catalogue has an id of its own, a title, and examples that are read in its unit")
    func catalogue() {
        #expect(Set(MetricCatalogue.names).count == MetricCatalogue.names.count)
        for entry in MetricCatalogue.entries {
            #expect(entry.id.wholeMatch(of: #/[a-z]+\.[a-z-]+(\.[a-z0-9-]+)+/#) != nil)
            #expect(!entry.title.isEmpty)
        }
        for unit in MetricUnit.allCases {
            for example in unit.examples.split(separator: " ").map({ $0.filter { $0 != "," } }) where example != "or" {
                #expect([unit, nil].contains(MetricUnit.parse(example)?.unit), "\(example)")
                #expect(MetricUnit.parse(example) != nil)
            }
        }
    }
}
