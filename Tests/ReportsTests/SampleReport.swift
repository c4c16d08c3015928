import ApplianceModel

@testable import Reports

/// Reports as a verification makes them, and one whose every text is hostile.
enum SampleReport {
    static func report(_ findings: [Finding], time: String = "2026-11-22T22:50:25Z", metrics: [Metric] = []) -> Report {
        var measurements = Measurements()
        measurements.metrics = metrics
        return Report(appliance: "orders", time: time, accelerator: .kvm, depth: .standard, findings: findings, measurements: measurements)
    }

    /// One finding of each level, and everything that can be measured.
    static func whole(
        time: String = "2026-11-22T22:50:25Z", factor: Double = 1, failing: Bool = true, accelerator: Accelerator = .kvm, seed: Int = 0
    ) -> Report {
        let findings = [
            Finding(check: "host.accelerator", level: .pass, measured: "KVM", expected: "KVM"),
            Finding(
                check: "host.overcommit", level: .pass, measured: "6123 of 15998 MiB available", expected: "at least 5 % available"),
            Finding(
                check: "cpu.aes", level: .pass, measured: "executed CPUID leaf 1: ECX=0xfef8320b, AES-NI there", expected: "ECX bit 25 set"),
            Finding(
                check: "disk.driver", level: .pass, measured: "virtio_blk", expected: "virtio_blk"),
            Finding(
                check: "disk.write-latency", level: .pass, measured: "1.21x the host's time at the median (95 %: 1.12x to 1.33x)", expected: "a figure"),
            Finding(
                check: "durability.flush", level: failing ? .fail : .pass,
                measured: failing
                    ? "500 flushes in the guest, 0 on the host: node 'data-file' has cache.no-flush" : "500 flushes in the guest, 500 on the host",
                expected: "500", remedy: failing ? "stop the appliance and set cache.no-flush=off: a loss of power loses committed transactions" : nil),
            Finding(
                check: "network.throughput", level: .skip, measured: "iperf3 is not on this host", expected: "a figure",
                remedy: "apt-get install iperf3, then verify again"),
            Finding(
                check: "postgresql.tls", level: .pass, measured: "TLSv1.3, TLS_AES_256_GCM_SHA384", expected: "TLSv1.3"),
            Finding(
                check: "postgresql.settings", level: .warn, measured: "work_mem: waits for a restart (in force 4MB)", expected: "all 61 in force as asked",
                remedy: "pgkvm restart orders, at a time of your choice"),
            Finding(
                check: "backup.configured", level: .warn, measured: "no backup is configured", expected: "a backup outside this host",
                remedy: "archive_mode is on: set archive_command and take base backups with the tool of your choice"),
        ]
        var measurements = Measurements()
        measurements.metrics = [
            Metric("disk.write-latency.p50", 142_000 * factor, .nanoseconds, better: .lower),
            Metric("disk.write-latency.p99", 1_310_000 * factor, .nanoseconds, better: .lower),
            Metric("network.throughput.to-guest", 1_180_000_000 / factor, .bytesPerSecond, better: .higher),
            Metric("postgresql.pgbench.select-only", 2345 / factor, .transactionsPerSecond, better: .higher),
            Metric("disk.write-latency.ratio", 1.21, .ratio, better: .lower),
        ]
        measurements.latencies = [
            LatencyComparison(
                check: "disk.write-latency", work: "8 KiB write and fdatasync, one at a time", host: distribution(118_000),
                guest: distribution(142_000 * factor), ratio: Estimate(value: 1.21, low: 1.12, high: 1.33), rounds: 12, inconclusive: nil),
            LatencyComparison(
                check: "disk.tax", work: "4 KiB write to a device without a disk", host: nil,
                guest: LatencyDistribution(
                    count: 5000, meanNanoseconds: 23_000,
                    points: [(50.0, 21_000.0), (90, 25_000), (99, 41_000)].map { .init(percent: $0.0, nanoseconds: $0.1) }), ratio: nil, rounds: 4,
                inconclusive: "the two halves on the host differ by 41 %, more than 25 %"),
        ]
        measurements.processor = processor
        measurements.settings = [
            SettingRow(name: "shared_buffers", asked: "512MB", inForce: "512MB", source: "conf.d/20-memory.conf:7", pendingRestart: false, isAsAsked: true),
            SettingRow(name: "work_mem", asked: "32MB", inForce: "4MB", source: "conf.d/90-spec.conf:3", pendingRestart: true, isAsAsked: true),
            SettingRow(name: "fsync", asked: "on", inForce: "off", source: "postgresql.auto.conf:3", pendingRestart: false, isAsAsked: false),
            SettingRow(name: "DateStyle", asked: nil, inForce: "ISO, MDY", source: "default", pendingRestart: false, isAsAsked: true),
        ]
        measurements.outputs = ["pg_test_fsync": "5 seconds per test\n  open_datasync   712.345 ops/sec    1404 usecs/op\n"]
        return Report(
            appliance: "orders", time: time, accelerator: accelerator, depth: .standard, findings: findings, measurements: measurements)
    }

    private static func distribution(_ median: Double) -> LatencyDistribution {
        let shape: [(Double, Double)] = [
            (1, 0.7), (5, 0.78), (10, 0.83), (20, 0.9), (30, 0.94), (40, 0.97), (50, 1), (60, 1.04), (70, 1.1), (80, 1.22), (90, 1.6), (95, 2.4), (99, 9),
            (99.5, 14), (99.9, 31),
        ]
        return LatencyDistribution(
            count: 18_000, meanNanoseconds: median * 1.2, points: shape.map { .init(percent: $0.0, nanoseconds: median * $0.1) })
    }

    private static let processor = ProcessorComparison(
        observers: ["host", "KVM", "micro-guest", "guest"],
        leaves: [
            .init(
                leaf: 1, subleaf: 0,
                registers: [
                    [0xa20f12, 0x100800, 0x7ef8_320b, 0x178b_fbff], [0xa20f12, 0x100800, 0xfef8_3203, 0x178b_fbff], nil,
                    [0xa20f12, 0x100800, 0xfef8_3203, 0x178b_fbff],
                ]),
            .init(
                leaf: 7, subleaf: 0, registers: [[0, 0x219c_97a9, 0x0040_068c, 0], [0, 0x219c_97a9, 0x0040_068c, 0], nil, [0, 0x219c_97a9, 0x0040_068c, 0]]),
        ],
        flags: [
            .init(name: "aes", isSet: [true, true, true, true]), .init(name: "vaes", isSet: [true, true, nil, true]),
            .init(name: "monitor", isSet: [true, false, nil, false]), .init(name: "avx512f", isSet: [false, false, nil, false]),
        ]
            + [
                "fpu", "vme", "de", "pse", "tsc", "msr", "pae", "mce", "cx8", "apic", "sep", "mtrr", "pge", "mca", "cmov", "pat", "clflush", "mmx", "fxsr",
                "sse",
            ]
            .map { .init(name: $0, isSet: [true, true, nil, true]) })

    /// What a guest, a server or a program could say to get at whoever reads the report.
    static let hostile = [
        "<script>alert(1)</script>", "\"\u{301} onload=alert(1) x=\"", "' onmouseover='alert(2)", "</style><img src=x onerror=alert(3)>",
        "{{{appliance}}} {{> x}}", "]]><x/>", "a\u{0}b\u{1b}[31mred\u{7}", "line\nline\r\ttab", "\u{202e}txt.exe", "\u{ffff}\u{fffe}\u{9b}",
        "🐘 größe é e\u{301} 漢字",
        "&lt;b&gt; &amp;", "`${x}`", "<\u{301}b>", "",
    ]

    static let hostileReport: Report = {
        let levels = Finding.Level.allCases
        let findings = hostile.enumerated().map { index, text in
            Finding(check: "group.\(text)", level: levels[index % 4], measured: text, expected: text, remedy: index % 2 == 0 ? text : nil)
        }
        var measurements = Measurements()
        measurements.metrics = hostile.map { Metric($0, 1, .count, better: .lower) }
        measurements.latencies = hostile.map {
            LatencyComparison(
                check: $0, work: $0, host: LatencyDistribution(count: 0, meanNanoseconds: 0, points: []),
                guest: LatencyDistribution(
                    count: 1, meanNanoseconds: -1, points: [.init(percent: 100, nanoseconds: 0), .init(percent: 50, nanoseconds: 1e300)]),
                ratio: Estimate(value: -1, low: 1e308, high: 0), rounds: -1, inconclusive: $0)
        }
        measurements.processor = ProcessorComparison(
            observers: hostile, leaves: [.init(leaf: .max, subleaf: .max, registers: [[], nil])],
            flags: hostile.map { .init(name: $0, isSet: [true, false, nil]) })
        measurements.settings = hostile.map { SettingRow(name: $0, asked: $0, inForce: $0, source: $0, pendingRestart: true, isAsAsked: false) }
        measurements.outputs = Dictionary(hostile.map { ($0, $0) }) { first, _ in first }
        return Report(
            appliance: hostile.joined(), time: hostile[0], accelerator: .tcg, depth: .full, findings: findings, measurements: measurements)
    }()
}
