import ApplianceModel
import Basics
import Testing

@testable import Verification

@Suite("Settings asked for against settings in force")
struct SettingsChecksTests {
    typealias Row = SettingsChecks.Row

    static func row(
        _ name: String, written: String?, applied: Bool? = true, error: String? = nil, pendingRestart: Bool = false, inForce: String = "8MB",
        file: String? = nil
    ) -> Row {
        Row(name: name, written: written, applied: applied, error: error, pendingRestart: pendingRestart, inForce: inForce, file: file)
    }

    @Test("Settings that the server applied pass, whatever their units and letters, and others do not matter")
    func well() {
        let finding = SettingsChecks.compare(
            asked: ["Work_Mem": "8192kB", "DateStyle": "ISO"],
            rows: [
                Self.row("work_mem", written: "8192kB"), Self.row("DateStyle", written: "ISO", inForce: "ISO, MDY"),
                Self.row("fsync", written: nil, applied: nil, inForce: "on"),
            ])
        #expect(finding.level == .pass)
        #expect(finding.measured == "2 of 2 in force")
        #expect(finding.remedy == nil)
    }

    static let faults: [(Row?, String)] = [
        (nil, "work_mem: unknown to the server"),
        (row("work_mem", written: nil, applied: nil, inForce: "4MB"), "work_mem: not in conf.d (asked 8MB, in force 4MB)"),
        (row("work_mem", written: "9MB"), "work_mem: asked 8MB, conf.d says 9MB"),
        (row("work_mem", written: "8MB", pendingRestart: true, inForce: "4MB"), "work_mem: waits for a restart (in force 4MB)"),
        (
            row("work_mem", written: "8MB", applied: false, inForce: "4MB", file: "/data/postgresql.auto.conf"),
            "work_mem: asked 8MB, overridden by /data/postgresql.auto.conf (in force 4MB)"
        ),
        (
            row("work_mem", written: "8MB", applied: false, error: "setting could not be applied"),
            "work_mem: asked 8MB, overridden (in force 8MB): setting could not be applied"
        ),
        (row("work_mem", written: "8MB", applied: nil), "work_mem: asked 8MB, overridden (in force 8MB)"),
    ]

    @Test("Each way of not being in force is named", arguments: faults.indices)
    func fault(index: Int) {
        let (row, says) = Self.faults[index]
        let finding = SettingsChecks.compare(asked: ["work_mem": "8MB"], rows: row.map { [$0] } ?? [])
        #expect(finding.check == "postgresql.settings")
        #expect(finding.level == .fail)
        #expect(finding.measured == says)
        #expect(finding.remedy != nil)
    }

    @Test("All faults are told at once, in order of their names")
    func several() {
        let finding = SettingsChecks.compare(asked: ["b": "1", "a": "1", "c": "1"], rows: [Self.row("c", written: "1")])
        #expect(finding.measured == "a: unknown to the server; b: unknown to the server")
    }

    @Test("Nothing asked is nothing wrong")
    func nothing() {
        #expect(SettingsChecks.compare(asked: [:], rows: []).level == .pass)
    }
}
