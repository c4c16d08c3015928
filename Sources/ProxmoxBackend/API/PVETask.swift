internal import ApplianceModel
internal import Basics
internal import HostSystem
internal import Quoting

/// The identifier of a background task: `UPID:NODE:PID:PSTART:START:TYPE:ID:USER:`.
package struct UPID: Sendable, Equatable {
    package let text: String
    package let node: String
    /// `qmcreate`, `imgcopy`, …
    package let type: String
    /// The object that the task works on; for a machine its number.
    package let subject: String
    /// The user or token that it runs for.
    package let user: String

    /// - Returns: nil unless the text is a UPID.
    package init?(_ text: String) {
        let fields = text.split(at: ":", omittingEmptySubsequences: false).map(String.init)
        guard fields.count >= 9, fields[0] == "UPID", !fields[1].isEmpty else { return nil }
        self.text = text
        node = fields[1]
        type = fields[5]
        subject = fields[6]
        user = fields[7]
    }
}

/// Waits for a background task, and reports what its log says.
struct PVETask {
    let client: PVEClient
    let upid: UPID
    /// What the task does, for messages: `the creation of VM 100`.
    let title: String
    /// The time limit for the whole task.
    let limit: Duration
    /// The longest time without new lines in the task's log; nil means any time.
    var silence: Duration?
    /// Whether this run started the task. A task that someone else started is never ended.
    var isOurs = true
    var report: @Sendable (String) -> Void = { _ in }

    /// - Throws: `proxmox.task-failed` with the end of the log, `proxmox.task-endless`, and what the client throws.
    func wait() async throws {
        let exit = try await exitStatus()
        guard exit != "OK" else { return }
        let lines = (try? await log(from: 0)) ?? []
        if exit.wholeMatch(of: /WARNINGS: [0-9]+/) != nil {
            for line in lines where line.begins(with: "WARN") { report("\(title): \(line)") }
            return
        }
        let tail = lines.filter { !$0.begins(with: "TASK ") }.suffix(6).map { "\n    \($0)" }.joined()
        throw Failure(
            .proxmoxTaskFailed, "\(title) failed on node '\(upid.node)': \(exit)\(tail)",
            remedy: "the whole log is kept there: pvenode task log \(ShellWord.quoted(upid.text))")
    }

    /// How the task ended, in the server's words.
    private func exitStatus() async throws -> String {
        let clock = ContinuousClock()
        let start = clock.now
        var lastWord = start
        var seen = 0
        var pause = client.timing.firstPause
        var outage = Outage(limit: client.timing.outage)
        while true {
            do {
                let status = try await client.data(.taskStatus(upid))
                outage.end()
                if status["status"]?.text == "stopped" { return status["exitstatus"]?.text ?? "the server does not say how" }
                // Only tasks that copy have something to report meanwhile.
                let lines = silence == nil ? [] : (try? await log(from: seen)) ?? []
                if let last = lines.last {
                    seen += lines.count
                    lastWord = clock.now
                    report("\(title): \(last)")
                }
            } catch let error as Failure where error.code == .proxmoxNode {
                guard outage.isTolerable() else { throw error }
            }
            let now = clock.now
            guard now - start < limit else { throw await endless("it has run for \(limit.wholeSeconds) s") }
            if let silence, now - lastWord > silence { throw await endless("its log says nothing new for \(silence.wholeSeconds) s") }
            try await WaitingTime.measure { try await clock.sleep(for: pause) }
            pause = min(client.timing.longestPause, pause * 1.5)
        }
    }

    func log(from start: Int) async throws -> [String] {
        let lines = try await client.data(.taskLog(upid, from: start)).elements.compactMap { $0["t"]?.text }
        // A log that is empty or missing is returned as one line. It is not part of the log: the first real line takes its place.
        if start == 0, lines.count == 1, let line = lines.first, line == "no content" || line.begins(with: "unable to open file") { return [] }
        return lines
    }

    /// The result of `reading` for the first line of the log that it can interpret; nil where the task ends before, or logs nothing in that time.
    func firstWord<Word>(within limit: Duration, reading: (String) -> Word?) async throws -> Word? {
        let clock = ContinuousClock()
        let word: Word?? = try await WaitingTime.measure {
            try await poll(every: client.timing.firstPause, until: clock.now + limit, on: clock) {
                let lines: [String]
                do {
                    lines = try await log(from: 0)
                } catch let error as Failure where error.code == .proxmoxPermission {
                    // Another user's task, which the token may see but not read.
                    return .some(nil)
                } catch let error as Failure where error.isSilence {
                    return nil
                }
                if let word = lines.lazy.compactMap(reading).first { return .some(word) }
                return lines.contains { $0.begins(with: "TASK ") } ? .some(nil) : nil
            }
        }
        return word ?? nil
    }

    /// Ends a task that only copies, so that it does not make anything more; what it has already made may stay.
    private func endless(_ why: String) async -> Failure {
        let isEnded = isOurs && silence != nil ? await end() : false
        let end = isEnded ? "" : "; to end it: pvesh delete \(ShellWord.quoted("/nodes/\(upid.node)/tasks/\(upid.text)"))"
        return Failure(
            .proxmoxTaskEndless, "\(title) does not end on node '\(upid.node)': \(why)\(isEnded ? "; it was ended" : "")",
            remedy: "look at it there: pvenode task log \(ShellWord.quoted(upid.text))\(end); the same command of pgkvm then carries on")
    }

    /// The server answers before the task has ended.
    private func end() async -> Bool {
        guard (try? await client.data(.stopTask(upid))) != nil else { return false }
        let clock = ContinuousClock()
        let isEnded: Bool? = try? await WaitingTime.measure {
            try await poll(every: client.timing.firstPause, until: clock.now + client.timing.call, on: clock) {
                (try? await client.data(.taskStatus(upid)))?["status"]?.text == "stopped" ? true : nil
            }
        }
        return isEnded == true
    }
}

/// Counts successive requests that a node does not answer while the server itself does.
struct Outage {
    let limit: Duration
    private let clock = ContinuousClock()
    private var count = 0
    private var start: ContinuousClock.Instant?

    init(limit: Duration) { self.limit = limit }

    /// Whether to ask again after another missing answer.
    mutating func isTolerable() -> Bool {
        count += 1
        let start = start ?? clock.now
        self.start = start
        return count < 5 || clock.now - start < limit
    }

    mutating func end() {
        count = 0
        start = nil
    }
}

extension PVEClient {
    /// Sends a call that starts a background task, and waits for the task.
    /// - Throws: what the call and its task throw; `proxmox.not-proxmox` when the answer does not name a task.
    func run(
        _ call: PVECall, title: String, limit: Duration, silence: Duration? = nil, report: @escaping @Sendable (String) -> Void = { _ in }
    ) async throws {
        let data = try await data(call)
        // Some calls have finished by the time they answer.
        if data == .null { return }
        try await wait(for: data, title: title, limit: limit, silence: silence, report: report)
    }

    func wait(
        for data: JSONValue, title: String, limit: Duration, silence: Duration? = nil, report: @escaping @Sendable (String) -> Void = { _ in }
    ) async throws {
        guard let upid = data.string.flatMap({ UPID($0) }) else {
            throw Failure(.proxmoxNotProxmox, "the server names no task for \(title)", remedy: "'machine.proxmox.url' has to be that of a Proxmox VE server")
        }
        try await PVETask(client: self, upid: upid, title: title, limit: limit, silence: silence, report: report).wait()
    }
}
