internal import ApplianceModel

/// Findings whose ids begin with the same group, in the order of the first finding of each group.
struct FindingGroup {
    let name: String
    let findings: [Finding]

    static func of(_ findings: [Finding]) -> [FindingGroup] {
        var names: [String] = []
        var byName: [String: [Finding]] = [:]
        for finding in findings {
            let name = String(finding.check.prefix { $0 != "." })
            if byName[name] == nil { names.append(name) }
            byName[name, default: []].append(finding)
        }
        return names.map { FindingGroup(name: $0, findings: byName[$0] ?? []) }
    }
}

extension [Finding] {
    func count(_ level: Finding.Level) -> Int { count { $0.level == level } }

    /// The overall level: the worst of those that were not skipped.
    var overall: Finding.Level { map(\.level).filter { $0 != .skip }.max() ?? .skip }

    /// A summary in a few words.
    var verdict: String {
        let (passed, skipped, warned, failed) = (count(.pass), count(.skip), count(.warn), count(.fail))
        if failed > 0 { return "\(failed) of \(count == 1 ? "1 check" : "\(count) checks") failed" }
        if isEmpty { return "Nothing was checked" }
        if passed + warned == 0 { return "Nothing could be checked" }
        let rest = skipped == 0 ? "" : ", \(skipped) left out"
        if warned > 0 { return "Nothing failed, \(warned == 1 ? "1 warning" : "\(warned) warnings")\(rest)" }
        return "\(passed == count && count > 1 ? "All \(count)" : "\(passed)") \(passed == 1 ? "check" : "checks") passed\(rest)"
    }
}
