import ApplianceModel
import Basics
import Testing

@testable import Reports
@testable import Verification

@Suite("Limits and baselines")
struct LimitChecksTests {
    private let latency = "disk.write-latency.p99"
    private let speed = "postgresql.pgbench.select-only"

    private func measured(_ latency: Double = 1e6, _ speed: Double = 1000) -> Measurements {
        var measurements = Measurements()
        measurements.metrics = [
            Metric(self.latency, latency, .nanoseconds, better: .lower), Metric(self.speed, speed, .transactionsPerSecond, better: .higher),
        ]
        return measurements
    }

    private func limits(_ limits: [String: Double], depth: Depth = .standard, groups: [GroupName] = GroupName.allCases) -> VerificationOptions {
        VerificationOptions(
            depth: depth, groups: groups, limits: limits.sorted { $0.key < $1.key }.map { MetricLimit(metric: $0.key, value: $0.value) })
    }

    @Test("A figure within its limit passes, at the limit too, and one beyond it fails with both")
    func limit() {
        #expect(LimitChecks.findings(limits([latency: 1e6, speed: 1000]), measured()).map(\.level) == [.pass, .pass])
        let findings = LimitChecks.findings(limits([latency: 0.99e6, speed: 1001]), measured())
        #expect(findings.map(\.level) == [.fail, .fail])
        #expect(findings.map(\.check) == ["limit.disk-write-latency-p99", "limit.postgresql-pgbench-select-only"])
        #expect(findings[0].measured == "disk.write-latency.p99 is 1 ms")
        #expect(findings[0].expected == "at most 990 µs")
        #expect(findings[1].expected == "at least 1001 tps")
        #expect(findings.allSatisfy { $0.remedy != nil })
    }

    @Test("A limit of what was not measured never passes: it fails where it was to be measured, and is left out with the reason otherwise")
    func unmeasured() {
        let nothing = Measurements()
        let options = [limits([latency: 1e6]), limits([latency: 1e6], depth: .quick), limits([latency: 1e6], groups: [.cpu])]
        #expect(options.map { LimitChecks.findings($0, nothing)[0].level } == [.fail, .skip, .skip])
        for option in options {
            let finding = LimitChecks.findings(option, nothing)[0]
            #expect(finding.measured == "disk.write-latency.p99 was not measured")
            #expect(finding.remedy != nil)
        }
        var infinite = measured(.infinity)
        infinite.keepFinite()
        #expect(LimitChecks.findings(limits([latency: 1e6]), infinite)[0].level == .fail)
    }

    private func against(_ before: Measurements, _ now: Measurements, _ groups: [GroupName] = GroupName.allCases) -> [Finding] {
        let baseline = Report(appliance: "a", time: "T", accelerator: .kvm, depth: .standard, findings: [], measurements: before)
        return BaselineChecks.findings(VerificationOptions(groups: groups, baseline: baseline), now, .kvm)
    }

    @Test("A figure that is worse by more than the margin is a warning that names it and the factor, whichever way is the better")
    func baseline() {
        #expect(BaselineChecks.findings(VerificationOptions(), measured(), .kvm) == [])
        let same = against(measured(), measured(1.5e6, 1000 / 1.5))
        #expect(same.map(\.level) == [.pass])
        #expect(same.first?.measured == "2 compared, 0 worse")
        let worse = against(measured(), measured(3e6, 400))
        #expect(worse.map(\.check) == ["baseline.figures", "baseline.disk-write-latency-p99", "baseline.postgresql-pgbench-select-only"])
        #expect(worse.map(\.level) == [.warn, .warn, .warn])
        #expect(worse[1].measured == "disk.write-latency.p99 is 3 ms, it was 1 ms: 3.00x worse")
        #expect(worse[2].measured.hasSuffix("is 400 tps, it was 1000 tps: 2.50x worse"))
        #expect(against(measured(), measured(0.1e6, 9000)).map(\.level) == [.pass])
        #expect(against(measured(0), measured(1))[1].measured.hasSuffix("worse beyond any factor"))
    }

    @Test("Figures that cannot be compared do not pass: none in common, another accelerator, some of them gone")
    func incomparable() {
        #expect(against(measured(), Measurements()).map(\.level) == [.skip])
        var half = measured()
        half.metrics.removeFirst()
        let missing = against(measured(), half)
        #expect(missing.map(\.level) == [.warn])
        #expect(missing[0].measured.hasSuffix("not measured now: disk.write-latency.p99"))
        #expect(against(measured(), half, [.postgresql]).map(\.level) == [.pass])
        let emulated = Report(appliance: "a", time: "T", accelerator: .tcg, depth: .standard, findings: [], measurements: measured())
        #expect(BaselineChecks.findings(VerificationOptions(baseline: emulated), measured(), .kvm).map(\.level) == [.skip])
    }

    @Test("Groups are read in any order, and a wrong one is answered with the nearest")
    func groups() throws {
        #expect(try GroupName.parse("disk,CPU, host") == [.host, .cpu, .disk])
        let error = #expect(throws: Failure.self) { try GroupName.parse("cpu,dsk") }
        #expect(error?.message.contains("'dsk'; did you mean 'disk'?; there are host, cpu") == true)
        #expect(throws: Failure.self) { try GroupName.parse("cpu,,disk") }
    }
}
