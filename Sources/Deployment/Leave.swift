internal import ApplianceModel
package import Basics
internal import Synchronization

/// The user's permission for what a run may do to a running database. The user is asked each question once.
package final class Leave: Sendable {
    /// Is asked about changes that need a restart, one line for each change.
    package typealias Restart = @Sendable ([PlannedChange]) async -> Bool
    /// Is asked whether these lines, which an administrator wrote into pgkvm's files, may be removed; by file.
    package typealias Overwriting = @Sendable ([String: [String]]) async -> Bool

    private let restart: Restart
    private let overwriting: Overwriting
    private let given = Mutex((restart: false, overwriting: false))

    package init(restart: @escaping Restart = { _ in false }, overwriting: @escaping Overwriting = { _ in false }) {
        self.restart = restart
        self.overwriting = overwriting
    }

    /// Returns if a restart is allowed.
    /// - Throws: `appliance.restart-needed`.
    func toRestart(for changes: [PlannedChange], of name: ApplianceName) async throws {
        if given.withLock({ $0.restart }) { return }
        guard await restart(changes) else {
            let text = changes.map { "\n    " + PlanText.line($0) }.joined()
            throw Failure(
                .restartNeeded, "'\(name)' would have to be restarted, and nothing was changed:\(text)",
                remedy: "run the same command with --restart, at a time when its clients can do without it")
        }
        given.withLock { $0.restart = true }
    }

    /// `FILE: LINE` for each.
    package static func lines(_ lines: [String: [String]]) -> [String] {
        lines.sorted { $0.key < $1.key }.flatMap { file, lines in lines.map { "\(file): \(SpecRules.escaped($0, limit: 200))" } }
    }

    /// Returns if an administrator's lines may be removed.
    /// - Throws: `server.edited`.
    func toOverwrite(_ lines: [String: [String]], of name: ApplianceName) async throws {
        if lines.isEmpty || given.withLock({ $0.overwriting }) { return }
        guard await overwriting(lines) else {
            let text = Self.lines(lines).map { "\n    \($0)" }.joined()
            throw Failure(
                .serverEdited, "these lines of '\(name)' were added by hand and would be lost; nothing was changed:\(text)",
                remedy: "ask for the same in the spec (postgresql.allowFrom, roles with replication, settings), or run the same command with --overwrite")
        }
        given.withLock { $0.overwriting = true }
    }
}

extension Failure.Code {
    /// Some of pgkvm's files in the guest hold lines that an administrator added.
    package static let serverEdited = Failure.Code("server.edited")
}
