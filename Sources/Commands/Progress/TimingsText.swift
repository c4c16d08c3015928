internal import ApplianceModel
internal import Basics
internal import Deployment
internal import HostSystem
internal import Terminal
internal import Workflow

/// The time that each step took, and that the tool itself used besides waiting.
enum TimingsText {
    static func render(_ outcome: RunOutcome, wall: Duration, waiting: Duration) -> String {
        var rows = outcome.durations.map { [$0.step.rawValue, $0.duration.formattedSeconds] }
        if let commit = outcome.firstCommit { rows.append(["until the first verified commit", commit.formattedSeconds]) }
        rows.append(["total", wall.formattedSeconds])
        rows.append(["waiting for programs, guest, SSH and PostgreSQL", waiting.formattedSeconds])
        rows.append(["the tool itself", (wall - waiting).formattedSeconds])
        rows.append(["its peak memory", "\(HostMemory.peakOfThisProcess.mebibytes) MiB"])
        return Table.render(rows)
    }
}

extension Duration {
    /// Seconds with one decimal, for example `12.3 s`.
    var formattedSeconds: String {
        let tenths = (components.seconds * 10) + components.attoseconds / 100_000_000_000_000_000
        return "\(tenths / 10).\(tenths % 10) s"
    }
}
