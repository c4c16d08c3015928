internal import SystemPackage

/// When a process started, in the kernel's ticks since the host's start: together with its id this identifies one process while the host runs.
package enum ProcessStart {
    /// Nil when there is no such process, and for a process that has ended, whether or not its exit status has been read.
    package static func time(of processID: Int32) -> UInt64? {
        (try? Files.readText(FilePath("/proc/\(processID)/stat"))).flatMap { time(inStat: $0) }
    }

    /// Field 22 of /proc/PID/stat. The name in field 2 may contain blanks and brackets, so counting starts after the last bracket.
    package static func time(inStat text: String) -> UInt64? {
        guard let end = text.utf8.lastIndex(of: UInt8(ascii: ")")) else { return nil }
        let fields = text[text.utf8.index(after: end)...].split { $0 == " " || $0 == "\n" }
        // The first of these is field 3, the state.
        guard fields.count > 19, let state = fields.first, !["Z", "X", "x"].contains(state) else { return nil }
        return UInt64(fields[19])
    }
}
