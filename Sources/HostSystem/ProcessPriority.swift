internal import ApplianceModel
package import Basics
internal import Glibc
internal import Quoting
internal import SystemPackage

/// The group that the kernel's scheduler makes of a session (`autogroup`): its nice value applies relative to other sessions, unless
/// control groups divide the processor.
package struct Autogroup: Sendable, Equatable, Codable {
    package let id: Int
    /// -20 to 19.
    package let nice: Int

    /// Reads `/autogroup-11 nice 0`.
    package init?(_ text: String) {
        let words = text.split { $0 == " " || $0 == "\n" }
        guard words.count == 3, words[0].begins(with: "/autogroup-"), let id = Int(words[0].dropFirst(11)), let nice = Int(words[2]) else { return nil }
        self.id = id
        self.nice = nice
    }
}

/// How the kernel's scheduler treats a process on this host.
package enum ProcessPriority {
    /// The nice value of each thread, -20 (highest priority) to 19.
    /// - Throws: `file.unreadable` when the process has gone.
    package static func nice(of processID: Int32) throws -> [Int] {
        try threads(of: processID).compactMap { thread in
            (try? Files.readText(FilePath("/proc/\(processID)/task/\(thread)/stat"))).flatMap(ProcessStatus.nice(inStat:))
        }
    }

    /// Sets it for every thread, including threads that are started meanwhile: a thread inherits the value of the thread that starts it.
    /// - Throws: `priority.refused` when the kernel does not allow it.
    package static func setNice(_ value: Int, of processID: Int32) throws {
        for _ in 0..<10 {
            for thread in try threads(of: processID) {
                guard setpriority(__priority_which_t(PRIO_PROCESS.rawValue), id_t(thread), Int32(value)) == 0 || errno == ESRCH else {
                    throw refusal("nice \(value) for process \(processID)", errno)
                }
            }
            if try nice(of: processID).allSatisfy({ $0 == value }) { return }
        }
        throw Failure(.priorityRefused, "process \(processID) does not keep nice \(value): another program sets it too", remedy: "find that program")
    }

    /// Whether the kernel currently divides the processor between sessions (`kernel.sched_autogroup_enabled`).
    package static var areSessionsGroups: Bool {
        (try? Files.readText("/proc/sys/kernel/sched_autogroup_enabled"))?.begins(with: "1") == true
    }

    /// The autogroup of the session that the process leads; nil where it does not lead one, or the kernel does not have autogroups.
    package static func autogroup(of processID: Int32) -> Autogroup? {
        guard getsid(processID) == processID else { return nil }
        return (try? Files.readText(FilePath("/proc/\(processID)/autogroup"))).flatMap(Autogroup.init)
    }

    /// Sets the nice value of its autogroup. From users other than root the kernel accepts one change every tenth of a second.
    /// - Throws: `priority.refused`.
    package static func setAutogroup(_ value: Int, of processID: Int32) async throws {
        let clock = ContinuousClock()
        let done = try await poll(every: .milliseconds(50), until: clock.now + .seconds(5), on: clock) { () -> Bool? in
            do {
                let file = try FileDescriptor.open(FilePath("/proc/\(processID)/autogroup"), .writeOnly, options: .closeOnExec)
                try file.closeAfter { _ = try file.writeAll("\(value)".utf8) }
                return true
            } catch let error as Errno where error == .resourceTemporarilyUnavailable {
                return nil
            } catch let error as Errno {
                throw refusal("autogroup nice \(value) for process \(processID)", error.rawValue)
            }
        }
        guard done == true else { throw refusal("autogroup nice \(value) for process \(processID)", EAGAIN) }
    }

    /// Whether a control group of an older hierarchy (cgroup v1) divides the processor: the line `1:cpu,cpuacct:/path` of
    /// /proc/PID/cgroup, with a path that is not the root.
    package static func hasOlderCPUGroup(_ text: String) -> Bool {
        text.split(at: "\n").contains { line in
            let parts = line.split(at: ":", maxSplits: 2, omittingEmptySubsequences: false)
            return parts.count == 3 && parts[1].split(at: ",").contains("cpu") && parts[2] != "/"
        }
    }

    private static func threads(of processID: Int32) throws -> [Int32] {
        let threads = try Files.list(FilePath("/proc/\(processID)/task")).compactMap { Int32($0) }
        guard !threads.isEmpty else { throw Failure(.fileUnreadable, "process \(processID) has ended") }
        return threads
    }

    private static func refusal(_ what: String, _ code: Int32) -> Failure {
        Failure(
            .priorityRefused, "the kernel refuses \(what)",
            remedy: "only root, and who has a limit for it (ulimit -e), lowers a nice value; others raise it", cause: Errno(rawValue: code))
    }
}

extension Failure.Code {
    /// The kernel does not allow the caller to set a priority.
    package static let priorityRefused = Failure.Code("priority.refused")
}
