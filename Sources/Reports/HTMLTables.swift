internal import ApplianceModel

/// Processor, settings and outputs, in the form that the template shows.
enum HTMLTables {
    static func values(_ measurements: Measurements) -> [String: Any] {
        var values: [String: Any] = ["hasProcessor": false]
        if let processor = measurements.processor, !processor.observers.isEmpty { values = self.processor(processor) }
        values.merge(settings(measurements.settings)) { _, new in new }
        let outputs = measurements.outputs.sorted { $0.key < $1.key }
        values["hasOutputs"] = !outputs.isEmpty
        values["outputs"] = outputs.map { ["program": $0.key, "output": $0.value] }
        return values
    }

    /// Features on which PostgreSQL, TLS or virtualization depend: they are shown even if all observers agree.
    private static let notable: Set<String> = [
        "aes", "vaes", "pclmulqdq", "vpclmulqdq", "sha_ni", "avx2", "avx512f", "sse4_2", "popcnt", "rdrand", "invpcid", "x2apic", "nonstop_tsc",
    ]

    private static func processor(_ processor: ProcessorComparison) -> [String: Any] {
        let split = Dictionary(grouping: processor.flags) { !agree($0) || notable.contains($0.name) }
        let agreed = split[false] ?? []
        let shown = (split[true] ?? []).enumerated().sorted { (agree($0.element) ? 1 : 0, $0.offset) < (agree($1.element) ? 1 : 0, $1.offset) }.map(\.element)
        return [
            "hasProcessor": true, "observers": processor.observers.map { ["observer": $0] }, "flags": shown.map(flag),
            "hasAgreed": !agreed.isEmpty, "agreedCount": agreed.count,
            "agreed": agreed.map { ["flag": $0.name, "presence": $0.isSet.contains(true) ? "present" : "absent"] },
            "hasLeaves": !processor.leaves.isEmpty, "leaves": processor.leaves.flatMap { leaf($0, processor.observers) },
        ]
    }

    /// Whether all observers that can report the feature agree.
    private static func agree(_ flag: ProcessorComparison.Flag) -> Bool { Set(flag.isSet.compactMap(\.self)).count <= 1 }

    private static func flag(_ flag: ProcessorComparison.Flag) -> [String: Any] {
        [
            "flag": flag.name, "mark": agree(flag) ? "" : "marked",
            "cells": flag.isSet.map { isSet in
                switch isSet {
                case true?: ["state": "yes", "symbol": "●", "word": "yes"]
                case false?: ["state": "no", "symbol": "○", "word": "no"]
                case nil: ["state": "unknown", "symbol": "–", "word": ""]
                }
            },
        ]
    }

    private static func leaf(_ leaf: ProcessorComparison.Leaf, _ observers: [String]) -> [[String: Any]] {
        let differs = Set(leaf.registers.compactMap(\.self)).count > 1
        return zip(observers, leaf.registers).enumerated().map { index, row in
            [
                "leaf": index == 0 ? "\(hexadecimal(leaf.leaf)), \(leaf.subleaf)" : "", "observer": row.0, "mark": differs ? "marked" : "",
                "registers": (row.1.map { $0.map(hexadecimal) } ?? Array(repeating: "–", count: 4)).map { ["register": $0] },
            ]
        }
    }

    private static func hexadecimal(_ value: UInt32) -> String {
        let digits = String(value, radix: 16)
        return String(repeating: "0", count: 8 - digits.count) + digits
    }

    private static func settings(_ rows: [SettingRow]) -> [String: Any] {
        let wrong = rows.filter { !$0.isAsAsked || $0.pendingRestart }
        let right = rows.filter { $0.isAsAsked && !$0.pendingRestart }
        let asked = rows.count { $0.asked != nil }
        return [
            "hasSettings": !rows.isEmpty, "hasWrongSettings": !wrong.isEmpty, "wrongSettings": wrong.map(setting), "hasRightSettings": !right.isEmpty,
            "rightSettings": right.map(setting), "rightCount": right.count,
            "settingsSummary": wrong.isEmpty
                ? "\(asked) settings were asked for, and all are in force as asked." : "\(asked) settings were asked for; \(wrong.count) are not as asked.",
        ]
    }

    private static func setting(_ row: SettingRow) -> [String: Any] {
        [
            "setting": row.name, "asked": row.asked ?? "–", "inForce": row.inForce + (row.pendingRestart ? " (waits for a restart)" : ""),
            "source": row.source, "mark": row.isAsAsked ? row.pendingRestart ? "marked" : "" : "failed",
        ]
    }
}
