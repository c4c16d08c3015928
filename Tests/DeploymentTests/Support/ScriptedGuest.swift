import ApplianceModel
import SecureShell
import Synchronization
import TestSupport

@testable import Deployment

/// A guest that answers by rules, keeps units as systemd does, and notes what it is asked. What no rule covers is an error.
final class ScriptedGuest: GuestAccess {
    /// What becomes of a unit once it is started.
    enum UnitEnd {
        case succeeds
        case fails(log: String)
    }
    /// Answers to whatever has this text in its command or its input.
    fileprivate struct Rule {
        let text: String
        var answers: [Result<ShellResult, any Error>]
    }
    fileprivate struct State {
        var rules: [Rule] = []
        var unitEnds: [String: UnitEnd] = [:]
        var units: [String: UnitEnd] = [:]
        var started: [(purpose: String, script: String)] = []
        var asked: [String] = []
        var connections: [Result<Void, any Error>] = [.success(())]
        var isOpen = false
        var closings = 0
        var files: [String: [UInt8]] = [:]
    }
    private let state = Mutex(State())

    /// Commands and what they read, one text each.
    var asked: [String] { state.withLock { $0.asked } }
    /// The units that were started, in order.
    var startedUnits: [String] { state.withLock { $0.started.map(\.purpose) } }
    var closings: Int { state.withLock { $0.closings } }

    func script(of purpose: String) -> String? { state.withLock { $0.started.last { $0.purpose == purpose }?.script } }

    /// The answers, in order, to whatever has the text in its command or its input; the last one is given again. The newest rule counts.
    func answer(_ text: String, _ first: Result<ShellResult, any Error>, _ others: Result<ShellResult, any Error>...) {
        state.withLock { $0.rules.insert(Rule(text: text, answers: [first] + others), at: 0) }
    }

    func answer(_ text: String, status: Int32 = 0, output: String = "") {
        answer(text, .success(ShellResult(status: status, standardOutput: Array(output.utf8))))
    }

    /// What becomes of the units of a purpose; without it they succeed.
    func unit(_ purpose: String, _ end: UnitEnd) { state.withLock { $0.unitEnds[purpose] = end } }

    /// What attempts to connect come to, in order; the last one is given again.
    func connections(_ results: Result<Void, any Error>...) { state.withLock { $0.connections = results } }

    func connect(timeout: Duration) async throws {
        try state.withLock { state in
            if state.isOpen { return }
            let result = state.connections[0]
            if state.connections.count > 1 { state.connections.removeFirst() }
            try result.get()
            state.isOpen = true
        }
    }

    func close() async {
        state.withLock { state in
            state.closings += 1
            state.isOpen = false
        }
    }

    func run(_ command: ShellCommand, input: [UInt8], timeout: Duration) async throws -> ShellResult {
        try state.withLock { state in
            let input = String(decoding: input, as: UTF8.self)
            let text = "\(command.text)\n\(input)"
            state.asked.append(text)
            if let index = state.rules.firstIndex(where: { text.contains($0.text) }) {
                let answer = state.rules[index].answers[0]
                if state.rules[index].answers.count > 1 { state.rules[index].answers.removeFirst() }
                return try answer.get()
            }
            if let unit = command.text.firstMatch(of: /pgkvm-(?<purpose>[a-z0-9-]+)-[0-9a-f]{12}/) {
                return state.carryOut(command.text, unit: String(unit.0), purpose: String(unit.purpose), input)
            }
            throw UnexpectedCommand(text: text)
        }
    }

    func upload(_ bytes: [UInt8], to path: String, mode: UInt16) async throws { state.withLock { $0.files[path] = bytes } }

    func download(_ path: String, limit: Int) async throws -> [UInt8] {
        guard let bytes = state.withLock({ $0.files[path] }) else { throw UnexpectedCommand(text: "download \(path)") }
        return bytes
    }
}

extension ScriptedGuest.State {
    fileprivate mutating func carryOut(_ command: String, unit: String, purpose: String, _ script: String) -> ShellResult {
        if command.contains("systemd-run") {
            if case .succeeds? = units[unit] { return ShellResult(status: 0) }
            started.append((purpose, script))
            units[unit] = unitEnds[purpose] ?? .succeeds
            return ShellResult(status: 0)
        }
        if command.contains("systemctl stop") {
            units[unit] = nil
            return ShellResult(status: 0)
        }
        let view =
            switch units[unit] {
            case nil: "LoadState=not-found\nActiveState=inactive\nSubState=dead\n\n"
            case .succeeds: "LoadState=loaded\nActiveState=active\nSubState=exited\n\n"
            case .fails(let log): "LoadState=loaded\nActiveState=failed\nSubState=failed\nResult=exit-code\nExecMainStatus=1\n\n\(log)\n"
            }
        return ShellResult(status: 0, standardOutput: Array(view.utf8))
    }
}
