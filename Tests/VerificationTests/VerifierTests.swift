import ApplianceModel
import Basics
import Foundation
import HostSystem
import MachineBackend
import PostgresClient
import SecureShell
import Synchronization
import SystemPackage
import TestSupport
import Testing

@testable import Probes
@testable import Reports
@testable import Verification

@Suite("A verification")
struct VerifierTests {
    private struct Unreachable: Error {}

    private static let guestCommand = GuestReportSource.command.text
    private static let settingsCommand = ScriptedShell.sqlCommand(version: 17, leaving: ScriptedShell.leftToServer).text

    private func target(
        _ shell: ScriptedShell, connect: @escaping @Sendable () async throws -> PostgresConnection = { throw Unreachable() }
    ) throws -> VerificationTarget {
        VerificationTarget(
            spec: ApplianceSpec(name: try #require(ApplianceName("orders"))), accelerator: .kvm, postgresqlVersion: 17, shell: shell,
            backend: FakeBackend(), machine: MachineReference(backend: .qemu, deployment: .random(), identifier: "orders"),
            connect: connect, parameters: { throw Unreachable() }, restart: { throw Unreachable() }, settings: ["work_mem": "8MB"],
            certificateDaysLeft: nil, measurementLock: "/nonexistent/measurement.lock")
    }

    private let quick = VerificationOptions(depth: .quick)

    private func goodShell() -> ScriptedShell {
        let report = GuestChecksTests.good.map { "\($0.key)=\($0.value)" }.joined(separator: "\n")
        let rows = #"[{"name": "work_mem", "written": "8MB", "applied": true, "error": null, "pendingRestart": false, "inForce": "8MB", "file": "x"}]"#
        let answers = CPUIDQuestion.all.map { RecordedProcessors.guest.answers[$0] ?? CPUIDRegisters() }
        let cpuid = GuestCPUID.encode(answers.flatMap { [CPUIDQuestion($0.eax, $0.ebx), CPUIDQuestion($0.ecx, $0.edx)] })
        return ScriptedShell([
            Self.guestCommand: ShellResult(status: 0, standardOutput: Array(report.utf8)),
            Self.settingsCommand: ShellResult(status: 0, standardOutput: Array(rows.utf8)),
            GuestCPUID.moduleCommand.text: ShellResult(status: 0, standardOutput: cpuid),
            ClockChecks.timeCommand.text: ShellResult(status: 0, standardOutput: Array("\(Date.now.timeIntervalSince1970)\n".utf8)),
            ClockChecks.sourceCommand.text: ShellResult(status: 0, standardOutput: Array(ClockChecksTests.held.utf8)),
        ])
    }

    @Test("A measurement that fails is a failed check with its reason and remedy, and the others still run")
    func failures() async throws {
        let shell = ScriptedShell([Self.guestCommand: ShellResult(status: 3, standardError: Array("modprobe: no".utf8))])
        let groups = Mutex<[String]>([])
        let (findings, _) = try await Verifier.run(
            target(shell) {
                throw Failure(.timedOut, "no answer", remedy: "pgkvm start orders", cause: Failure(.invalidInput, "the network is down"))
            }, quick
        ) { name in groups.withLock { $0.append(name) } }

        let names = groups.withLock { $0 }
        #expect(names == Verifier.groups.filter { $0.runs(quick) }.map(\.name.rawValue))
        #expect(Set(names).isSuperset(of: ["host", "guest", "network", "postgresql"]))
        let byCheck = Dictionary(uniqueKeysWithValues: findings.map { ($0.check, $0) })
        let connection = try #require(byCheck["postgresql.connection"])
        #expect(connection.level == .fail)
        #expect(connection.measured == "could not be measured: no answer: the network is down")
        #expect(connection.remedy == "pgkvm start orders")
        #expect(byCheck["postgresql.settings"]?.level == .fail)
        #expect(byCheck["postgresql.settings"]?.remedy == "pgkvm status orders")
        #expect(byCheck["guest.report"]?.level == .fail)
        #expect(byCheck["guest.report"]?.measured.contains("modprobe: no") == true)
        #expect(byCheck["host.accelerator"]?.level == .pass)
        #expect(byCheck["certificate.expiry"]?.level == .fail)
        #expect(!findings.allPassed)
    }

    @Test("Guest and settings are asked once each: root's script, and the server by its own user")
    func questions() async throws {
        let shell = goodShell()
        let findings = try await Verifier.run(target(shell), quick) { _ in }.findings
        let inputs = shell.inputs.map { String(decoding: $0, as: UTF8.self) }
        let reports = inputs.filter { $0.contains("kernel_running") }
        #expect(reports.count == 1)
        #expect(reports.first?.hasPrefix("set -- '17'\n") == true)
        #expect(inputs.filter { $0.contains("pg_file_settings") }.count == 1)
        #expect(findings.first { $0.check == "postgresql.settings" }?.level == .pass)
        #expect(findings.filter { $0.check.hasPrefix("cpu.") && $0.level == .fail } == [])
    }

    @Test("Answers that are no answers are failed checks", arguments: ["", "psql: error", "{}", #"[{"name": 1}]"#])
    func nonsense(text: String) async throws {
        let shell = ScriptedShell([
            Self.guestCommand: ShellResult(status: 0), Self.settingsCommand: ShellResult(status: 0, standardOutput: Array(text.utf8)),
        ])
        let findings = try await Verifier.run(target(shell), quick) { _ in }.findings
        #expect(findings.first { $0.check == "postgresql.settings" }?.level == .fail)
        #expect(findings.first { $0.check == "cpu.aes" }?.level == .fail)
    }

    @Test("Cancelling ends the verification instead of failing a check")
    func cancelled() async throws {
        let shell = goodShell()
        let target = try target(shell) { throw CancellationError() }
        await #expect(throws: CancellationError.self) { _ = try await Verifier.run(target, quick) { _ in } }

        let task = Task {
            try await Verifier.run(target, quick) { _ in }
        }
        task.cancel()
        await #expect(throws: CancellationError.self) { _ = try await task.value }
    }

    @Test("Limits and a baseline make findings of the same verification, after the others")
    func limits() async throws {
        let baseline = Report(appliance: "a", time: "T", accelerator: .kvm, depth: .quick, findings: [], measurements: Measurements())
        let options = VerificationOptions(
            depth: .quick, groups: [], limits: [MetricLimit(metric: "disk.write-latency.p99", value: 1)], baseline: baseline)
        let (findings, _) = try await Verifier.run(target(goodShell()), options) { _ in }
        #expect(findings.map(\.check) == ["limit.disk-write-latency-p99", "baseline.figures"])
        #expect(findings.map(\.level) == [.skip, .skip])
    }
}
