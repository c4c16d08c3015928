internal import ApplianceModel
package import Basics
internal import Quoting
package import SystemPackage

/// What /proc shows to every user about a process on this host.
package struct ProcessStatus: Sendable, Equatable, Codable {
    /// The name that `ps` and `top` show: 15 bytes at most.
    package var name = ""
    /// The names of its threads, including that of the first one.
    package var threads: [String] = []
    /// Real, effective, saved and file system user ids.
    package var userIDs: [UInt32] = []
    /// -20 (highest priority) to 19.
    package var nice: Int?
    /// The path in the unified hierarchy; nil without one.
    package var cgroup: String?
    /// The groups of the threads `CPU n` that are in a different group from the process: libvirt gives each thread its own.
    package var processorGroups: [String] = []
    package var effectiveCapabilities: UInt64?
    package var permittedCapabilities: UInt64?
    /// 0 none, 1 strict, 2 a filter.
    package var seccompMode: Int?
    package var hasNoNewPrivileges: Bool?
    /// The namespaces in `separable` that it does not share with this program; nil where they cannot be read.
    package var ownNamespaces: [String]?
    /// Whether its root directory differs from this program's; nil where that cannot be read.
    package var hasOwnRoot: Bool?
    /// The size limit of a core dump, in bytes; nil where that cannot be read, and for no limit.
    package var coreLimit: UInt64?

    /// The kinds of namespaces that separate a process from this host.
    package static let separable = ["mnt", "pid", "ipc", "uts"]

    package init() {}

    /// Reads the status of the process with this id; what the kernel does not show stays nil.
    /// - Throws: `file.unreadable` when the process has gone or /proc hides it.
    package static func read(_ processID: Int32) throws -> ProcessStatus {
        let directory = FilePath("/proc/\(processID)")
        var result = ProcessStatus()
        result.name = try Files.readText(directory.appending("comm")).split(at: "\n").first.map(String.init) ?? ""
        result.take(status: try Files.readText(directory.appending("status")))
        result.nice = nice(inStat: try Files.readText(directory.appending("stat")))
        result.cgroup = cgroup(in: (try? Files.readText(directory.appending("cgroup"))) ?? "")
        result.takeSeparation(directory)
        let tasks = directory.appending("task")
        // A thread may end after the list was read.
        for task in try Files.list(tasks) {
            let directory = tasks.appending(task)
            guard let name = (try? Files.readText(directory.appending("comm")))?.split(at: "\n").first.map(String.init) else { continue }
            result.threads.append(name)
            guard name.begins(with: "CPU "), let group = cgroup(in: (try? Files.readText(directory.appending("cgroup"))) ?? "") else { continue }
            if group != result.cgroup { result.processorGroups.append(group) }
        }
        result.threads.sort()
        result.processorGroups.sort()
        return result
    }

    private mutating func takeSeparation(_ directory: FilePath) {
        let namespaces = Self.separable.map { kind in
            (kind, theirs: try? Files.linkTarget(directory.appending("ns").appending(kind)), ours: try? Files.linkTarget(FilePath("/proc/self/ns/\(kind)")))
        }
        if namespaces.allSatisfy({ $0.theirs != nil && $0.ours != nil }) { ownNamespaces = namespaces.filter { $0.theirs != $0.ours }.map(\.0) }
        if let theirs = Files.status(directory.appending("root")), let ours = Files.status("/") {
            hasOwnRoot = theirs.inode != ours.inode || theirs.device != ours.device
        }
        coreLimit = Self.coreLimit(inLimits: (try? Files.readText(directory.appending("limits"))) ?? "")
    }

    /// The larger of the two limits in the line `Max core file size 0 unlimited bytes` of /proc/PID/limits: a process may raise one to the other.
    package static func coreLimit(inLimits text: String) -> UInt64? {
        guard let line = text.split(at: "\n").first(where: { $0.begins(with: "Max core file size") }) else { return nil }
        return line.split(at: " ").dropFirst(5).first.flatMap { UInt64($0) }
    }

    /// Takes the fields of /proc/PID/status.
    package mutating func take(status text: String) {
        var fields: [Substring: [Substring]] = [:]
        for line in text.split(at: "\n") {
            guard let colon = line.unicodeScalars.firstIndex(of: ":") else { continue }
            fields[line[..<colon]] = line[line.unicodeScalars.index(after: colon)...].split { $0 == "\t" || $0 == " " }
        }
        let ids = fields["Uid"]?.compactMap { UInt32($0) } ?? []
        userIDs = ids.count == 4 ? ids : []
        effectiveCapabilities = Self.mask(fields["CapEff"])
        permittedCapabilities = Self.mask(fields["CapPrm"])
        seccompMode = fields["Seccomp"]?.first.flatMap { Int($0) }
        hasNoNewPrivileges = fields["NoNewPrivs"]?.first.flatMap { Int($0) }.map { $0 != 0 }
    }

    /// Sixteen digits; fewer digits mean a truncated line.
    private static func mask(_ words: [Substring]?) -> UInt64? {
        guard let word = words?.first, word.utf8.count == 16 else { return nil }
        return UInt64(word, radix: 16)
    }

    /// Field 19 of /proc/PID/stat. The name in field 2 may contain blanks and brackets, so counting starts after the last bracket.
    package static func nice(inStat text: String) -> Int? {
        guard let end = text.unicodeScalars.lastIndex(of: ")") else { return nil }
        let fields = text[text.unicodeScalars.index(after: end)...].split { $0 == " " || $0 == "\n" }
        // The first of these is field 3.
        guard fields.count > 17, let value = Int(fields[16]), (-20...19).contains(value) else { return nil }
        return value
    }

    /// The line `0::/path` of /proc/PID/cgroup.
    package static func cgroup(in text: String) -> String? {
        text.split(at: "\n").first { $0.begins(with: "0::") }.map { String($0.dropFirst(3)) }
    }
}

/// The limits that a control group and those above it set.
package struct GroupLimits: Sendable, Equatable, Codable {
    /// The number of processors that may be used at a time, the smallest limit on the path; nil without a limit.
    package var processors: Double?
    /// Memory that may be used; nil without a limit.
    package var memory: ByteSize?

    package init(processors: Double? = nil, memory: ByteSize? = nil) {
        self.processors = processors
        self.memory = memory
    }

    /// Reads the limits of a group and of every group above it. Nil where the unified hierarchy has no controllers: the limits
    /// are then in older hierarchies, which are not read.
    package static func read(_ cgroup: String, root: FilePath = "/sys/fs/cgroup") -> GroupLimits? {
        guard Files.exists(root.appending("cgroup.controllers")) else { return nil }
        var limits = GroupLimits()
        var directory = root.appending(cgroup.split(at: "/").map { FilePath.Component(String($0)) }.compactMap { $0 })
        while directory.starts(with: root) {
            limits.take(
                processors: (try? Files.readText(directory.appending("cpu.max"))) ?? "",
                memory: (try? Files.readText(directory.appending("memory.max"))) ?? "")
            guard directory.removeLastComponent() else { break }
        }
        return limits
    }

    /// Adds the limits of groups that each contain one of the guest's processors: together they are as slow as the slowest.
    package mutating func take(processorGroups: [String], root: FilePath = "/sys/fs/cgroup") {
        guard let least = processorGroups.compactMap({ GroupLimits.read($0, root: root)?.processors }).min(), least < 1 else { return }
        processors = min(processors ?? .infinity, least * Double(processorGroups.count))
    }

    /// Adds `cpu.max` (`200000 100000`: quota and period in microseconds, or `max 100000`) and `memory.max` (bytes, or `max`)
    /// of one more group.
    package mutating func take(processors: String, memory: String) {
        let words = processors.split { $0 == " " || $0 == "\n" }.map { Double($0) }
        if words.count == 2, let quota = words[0], let period = words[1], period > 0 {
            self.processors = min(self.processors ?? .infinity, quota / period)
        }
        if let bytes = memory.split(at: "\n").first.flatMap({ Int64($0) }) {
            self.memory = ByteSize(bytes: min(self.memory?.bytes ?? .max, bytes))
        }
    }
}
