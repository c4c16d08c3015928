internal import ApplianceModel
internal import FoundationEssentials
internal import HostSystem
internal import MachineBackend
internal import Quoting
internal import SecureShell
internal import SpecFile
internal import SystemPackage
internal import Verification
internal import Workflow

/// Evidence about an appliance in one archive, without the appliance's secrets.
package struct Diagnosis: Sendable {
    /// One file of the archive.
    package struct Entry: Sendable, Equatable {
        /// The name, with `/` between directories.
        package let name: String
        package let bytes: [UInt8]
    }

    private let appliance: Appliance
    private let withLogs: Bool
    /// The version of the program, for the summary.
    private let version: String
    private let redactor: Redactor

    /// The most bytes to take from the end of a log.
    private static let logLimit = 256 << 10
    private static let reportLimit = 3
    /// The maximum size of a report; typical reports have some ten thousand bytes.
    private static let mostReport = 4 << 20

    /// - Parameter withLogs: whether to take what the guest wrote too: PostgreSQL's log, its journal, cloud-init's log and the console.
    /// - Throws: `file.unreadable` if the secrets cannot be read: unknown secrets cannot be left out.
    package init(_ appliance: Appliance, withLogs: Bool, version: String) throws {
        self.appliance = appliance
        self.withLogs = withLogs
        self.version = version
        redactor = try Redactor(directory: appliance.directory)
    }

    /// Collects everything; `notes.txt` lists what could not be collected.
    package func collect(progress: (String) -> Void) async -> [Entry] {
        var gathering = Gathering(redactor: redactor)
        progress("files of the appliance")
        files(&gathering)
        progress("state")
        await gathering.add("status.json") { try JSONText.render(await ApplianceSummary.of(appliance)) }
        await gathering.add("priority.json") { try JSONText.render(await appliance.priority()) }
        progress("host")
        await gathering.add("doctor.json") {
            try JSONText.render(await HostDoctor.examine(appliance.environment, for: appliance.context.spec))
        }
        host(&gathering)
        progress("QEMU")
        await process(&gathering)
        if withLogs {
            progress("guest")
            await guest(&gathering)
        }
        await appliance.context.guest.close()
        return gathering.finished(summary: summary)
    }

    private var summary: String {
        """
        pgkvm \(version), appliance '\(appliance.name)', \(Date.now.ISO8601Format())

        The appliance's passwords and private keys were taken out of every file, in plain, hexadecimal and base64 form, and so was what
        looks like a password or a private key.\(withLogs ? " The logs under guest/ and the console can hold data of the database's users: look at them before you send this to anybody." : " What the guest wrote was left out (--without-logs).")

        """
    }

    private func files(_ gathering: inout Gathering) {
        let directory = appliance.directory
        let records = MachineRecords(directory.machine())
        var wanted = [directory.spec, directory.journal, directory.card, directory.priority, directory.autostart]
        wanted += [records.location(MachineDirectory.Record.machine), DebugLog.former(directory.debugLog), directory.debugLog]
        wanted.append(records.log(MachineDirectory.Record.processLog))
        if withLogs { wanted.append(records.log(MachineDirectory.Record.serialLog)) }
        for path in wanted { gathering.add(path, as: path == directory.priority ? "priority-remembered.json" : nil, limit: Self.logLimit) }
        gathering.trying("reports") {
            for name in try ReportStore.names(directory).suffix(Self.reportLimit) {
                $0.add(directory.reports.appending("\(name).json"), as: "reports/\(name).json", limit: Self.mostReport)
            }
        }
        gathering.trying("evidence") {
            guard let last = try Files.list(directory.evidence).last else { return }
            $0.add(directory.evidence.appending(last).appending("error.txt"), as: "evidence/\(last).txt", limit: Self.logLimit)
        }
    }

    private func host(_ gathering: inout Gathering) {
        for path in [
            "/proc/version", "/proc/loadavg", "/proc/uptime", "/proc/meminfo", "/proc/pressure/cpu", "/proc/pressure/memory",
            "/proc/pressure/io", "/etc/os-release",
        ] { gathering.addHostFile(FilePath(path), as: "host/\(path.dropFirst().replacing("/", by: "-"))") }
    }

    /// What /proc shows about QEMU; never its environment, which is not pgkvm's.
    private func process(_ gathering: inout Gathering) async {
        await gathering.add("qemu/command.txt") {
            guard let machine = try await appliance.machine(), let provider = appliance.context.backend.capabilities.command else { return nil }
            return Array((try await provider.command(of: machine).joined(separator: "\n") + "\n").utf8)
        }
        guard let machine = try? await appliance.machine(), let provider = appliance.context.backend.capabilities.process,
            let id = try? await provider.processID(of: machine)
        else { return gathering.note("QEMU does not run on this host, or is not to be seen here") }
        let place = FilePath("/proc/\(id)")
        for name in ["status", "stat", "limits", "cgroup", "io", "sched", "schedstat", "autogroup", "oom_score", "oom_score_adj", "smaps_rollup", "wchan"] {
            gathering.addHostFile(place.appending(name), as: "qemu/\(name)")
        }
        await gathering.add("qemu/cmdline.txt") {
            Array(try Files.read(place.appending("cmdline"), atMost: Gathering.hostFileLimit).split(separator: 0).joined(separator: [0x0a])) + [0x0a]
        }
        await gathering.add("qemu/threads.txt") {
            let lines = try ProcessUsage.read(id).threads.map { "\($0.id) \($0.name): \($0.busy) ns on a processor, \($0.waiting ?? 0) ns waiting\n" }
            return Array(lines.joined().utf8)
        }
    }

    private static let guestLogs: [(name: String, command: ShellCommand)] = [
        ("journal.txt", "sudo -n journalctl -b -n 1000 --no-pager -o short-iso"),
        ("cloud-init.txt", "sudo -n sh -c 'tail -n 500 /var/log/cloud-init.log; cloud-init status --long'"),
        ("postgresql.txt", "sudo -n sh -c 'tail -q -n 1000 $(ls -1t /var/log/postgresql/*.log | head -n 1)'"),
        ("system.txt", "sudo -n sh -c 'uname -a; uptime; free -m; df -h; lsblk; systemctl --failed --no-pager; cat /proc/pressure/*'"),
    ]

    private func guest(_ gathering: inout Gathering) async {
        guard case .running? = try? await appliance.powerState(), (try? await appliance.context.journal.fact(FirstBootFact.self)) != nil else {
            return gathering.note("the guest does not run, or was never up: there is nothing of it here")
        }
        for (name, command) in Self.guestLogs {
            let isThere = await gathering.add("guest/\(name)") {
                let result = try await appliance.context.guest.run(command, input: [], timeout: .seconds(30))
                return Array(result.standardOutput.suffix(Self.logLimit)) + Array(result.errorText.utf8.prefix(4096))
            }
            // A guest that does not answer once is not asked three more times.
            if !isThere { return }
        }
    }
}

/// Encodes values as JSON files.
private enum JSONText {
    static func render(_ value: some Encodable) throws -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        return try Array(encoder.encode(value)) + [0x0a]
    }
}

/// The collected files, without any secret, and what could not be collected.
struct Gathering {
    /// The most bytes to read from one of the appliance's files.
    private static let fileLimit = 64 << 20

    private let redactor: Redactor
    private var entries: [Diagnosis.Entry] = []
    private var notes: [String] = []

    init(redactor: Redactor) { self.redactor = redactor }

    /// Adds a file that is made now.
    /// - Parameter make: returns the file; nil adds nothing.
    /// - Returns: whether it could be made.
    @discardableResult
    mutating func add(_ name: String, _ make: () async throws -> [UInt8]?) async -> Bool {
        do {
            if let bytes = try await make() { entries.append(Diagnosis.Entry(name: name, bytes: redactor.redact(bytes))) }
            return true
        } catch {
            note("\(name): \(FailureText.render(error))")
            return false
        }
    }

    /// Adds the last bytes of a regular file of the appliance. A missing file is left out; anything else of this name is noted.
    mutating func add(_ path: FilePath, as name: String?, limit: Int) {
        guard let name = name ?? path.lastComponent?.string else { return }
        trying(name) { gathering in
            // Cutting first could break a secret in two, and its halves would not be recognized. So the cut comes after the redaction.
            guard let bytes = try Files.readEnd(path, bytes: limit * 2) else { return }
            gathering.entries.append(Diagnosis.Entry(name: name, bytes: Array(gathering.redactor.redact(bytes).suffix(limit))))
        }
    }

    /// The most bytes to read from a file of the host.
    static let hostFileLimit = 1 << 20

    /// Adds a file of the host, for example one in /proc, whose size is not known before it is read. A missing file is left out.
    mutating func addHostFile(_ path: FilePath, as name: String) {
        trying(name) { gathering in
            guard Files.exists(path) else { return }
            let bytes = try Files.read(path, atMost: Self.hostFileLimit)
            gathering.entries.append(Diagnosis.Entry(name: name, bytes: gathering.redactor.redact(bytes)))
        }
    }

    mutating func trying(_ what: String, _ body: (inout Gathering) throws -> Void) {
        do { try body(&self) } catch { note("\(what): \(FailureText.render(error))") }
    }

    mutating func note(_ text: String) { notes.append(text) }

    /// Everything, with the summary and the notes.
    func finished(summary: String) -> [Diagnosis.Entry] {
        var all = [Diagnosis.Entry(name: "README.txt", bytes: Array(summary.utf8))] + entries
        if !notes.isEmpty { all.append(Diagnosis.Entry(name: "notes.txt", bytes: redactor.redact(Array((notes.joined(separator: "\n") + "\n").utf8)))) }
        return all
    }
}
