internal import SystemPackage

/// When a process began, in the kernel's ticks since the host's start: with its id it names one process for as long as the host runs.
package enum ProcessStart {
    /// Nil when there is no such process.
    package static func time(of processID: Int32) -> UInt64? {
        (try? Files.readText(FilePath("/proc/\(processID)/stat"))).flatMap { time(inStat: $0) }
    }

    /// Field 22 of /proc/PID/stat. The name in field 2 may hold blanks and brackets, so counting starts behind the last bracket.
    package static func time(inStat text: String) -> UInt64? {
        guard let end = text.lastIndex(of: ")") else { return nil }
        let fields = text[text.index(after: end)...].split { $0 == " " || $0 == "\n" }
        // The first of these is field 3.
        return fields.count > 19 ? UInt64(fields[19]) : nil
    }
}
