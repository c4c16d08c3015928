internal import ApplianceModel
package import Basics
internal import Glibc
internal import Quoting
internal import SystemPackage

/// What a thread has used since it was started.
package struct ThreadUsage: Sendable, Equatable {
    package let id: Int32
    /// 15 bytes at most.
    package let name: String
    /// Nanoseconds on a processor.
    package let busy: UInt64
    /// Nanoseconds in which it was ready but did not have a processor; nil where the kernel does not count them.
    package let waiting: UInt64?

    package init(id: Int32, name: String, busy: UInt64, waiting: UInt64?) {
        self.id = id
        self.name = name
        self.busy = busy
        self.waiting = waiting
    }

    /// Reads /proc/PID/task/TID/schedstat: nanoseconds on a processor, nanoseconds waiting for one, turns.
    package static func times(inSchedstat text: String) -> (busy: UInt64, waiting: UInt64)? {
        let words = text.split { $0 == " " || $0 == "\n" }.map { UInt64($0) }
        guard words.count == 3, let busy = words[0], let waiting = words[1] else { return nil }
        return (busy, waiting)
    }

    /// The sum of fields 14 and 15 of /proc/PID/task/TID/stat, in clock ticks. The name in field 2 may contain blanks and brackets, so
    /// counting starts after the last bracket.
    package static func ticks(inStat text: String) -> UInt64? {
        guard let end = text.unicodeScalars.lastIndex(of: ")") else { return nil }
        let fields = text[text.unicodeScalars.index(after: end)...].split { $0 == " " || $0 == "\n" }
        // The first of these is field 3.
        guard fields.count > 12, let user = UInt64(fields[11]), let system = UInt64(fields[12]) else { return nil }
        return user.addingSaturated(system)
    }
}

/// What a process on this host has used since it was started, and what it holds now.
package struct ProcessUsage: Sendable, Equatable {
    /// In the order of their ids.
    package let threads: [ThreadUsage]
    package let resident: ByteSize

    package init(threads: [ThreadUsage], resident: ByteSize) {
        self.threads = threads
        self.resident = resident
    }

    /// - Throws: `file.unreadable` when the process has gone or /proc hides it.
    package static func read(_ processID: Int32) throws -> ProcessUsage {
        let directory = FilePath("/proc/\(processID)")
        let pages = try resident(inStatm: Files.readText(directory.appending("statm")))
        let tasks = directory.appending("task")
        let threads = try Files.list(tasks).compactMap { Int32($0) }.sorted().compactMap { thread($0, in: tasks.appending("\($0)")) }
        return ProcessUsage(threads: threads, resident: ByteSize(bytes: pages.multipliedSaturated(by: Int64(sysconf(Int32(_SC_PAGESIZE))))))
    }

    /// Nil for a thread that ended after the list was read.
    private static func thread(_ id: Int32, in directory: FilePath) -> ThreadUsage? {
        guard let name = try? Files.readText(directory.appending("comm")).split(at: "\n").first.map(String.init) else { return nil }
        if let text = try? Files.readText(directory.appending("schedstat")), let times = ThreadUsage.times(inSchedstat: text) {
            return ThreadUsage(id: id, name: name, busy: times.busy, waiting: times.waiting)
        }
        guard let text = try? Files.readText(directory.appending("stat")), let ticks = ThreadUsage.ticks(inStat: text) else { return nil }
        return ThreadUsage(id: id, name: name, busy: ticks.multipliedSaturated(by: 1_000_000_000 / UInt64(sysconf(Int32(_SC_CLK_TCK)))), waiting: nil)
    }

    /// The second field: pages that are in memory.
    package static func resident(inStatm text: String) -> Int64 {
        let words = text.split { $0 == " " || $0 == "\n" }
        return words.count > 1 ? Int64(words[1]) ?? 0 : 0
    }
}
