internal import ApplianceModel
internal import Basics
internal import PostgresClient
internal import Quoting

/// One way into the server that must be shut, and the refusal that proves that it is.
struct Door: Sendable {
    /// Which side refuses, and how.
    enum Refusal: Sendable, Equatable {
        /// The server, with this SQLSTATE.
        case server(String)
        /// libpq, which has no error codes for it, with a message that contains this text.
        case client(String)
    }

    let name: String
    let refusal: Refusal
    /// Changes the parameters of a good connection into those of this attempt.
    let change: @Sendable (inout PostgresParameters) -> Void

    init(_ name: String, _ refusal: Refusal, change: @escaping @Sendable (inout PostgresParameters) -> Void) {
        self.name = name
        self.refusal = refusal
        self.change = change
    }

    /// The result of an attempt.
    enum Outcome: Sendable, Equatable {
        case opened
        case refused(sqlState: String?, message: String)
    }

    /// Tries to connect. Nothing on this side refuses in the server's place.
    func attempt(_ good: PostgresParameters) async throws -> Outcome {
        var parameters = good
        parameters.requiresSCRAM = false
        parameters.channelBinding = .disable
        change(&parameters)
        do {
            try await PostgresConnection.open(parameters).close()
            return .opened
        } catch let failure as Failure {
            guard let cause = failure.cause as? PostgresError else { return .refused(sqlState: nil, message: failure.message) }
            return .refused(sqlState: cause.sqlState, message: cause.message)
        }
    }
}

/// Attempts at doors, judged together.
struct DoorReport {
    /// Each shut door with the refusal that proves it.
    private(set) var shut: [String] = []
    private(set) var open: [String] = []
    /// Attempts that were refused, but not with the expected refusal.
    private(set) var wrong: [String] = []
    /// The server was too busy, or about to start or stop: nothing is known about these doors.
    private(set) var untried: [String] = []
    /// What kept attempts from reaching any decision, for example that nothing listens.
    private var obstacles: [String] = []

    mutating func add(_ door: Door, _ outcome: Door.Outcome) {
        switch (outcome, door.refusal) {
        case (.opened, _): open.append("\(door.name): let in")
        case (.refused(let state?, _), .server(let wanted)) where state == wanted: shut.append("\(door.name) (\(state))")
        case (.refused(nil, let message), .client(let text)) where message.contains(text): shut.append(door.name)
        case (.refused(let state?, let message), _) where state.begins(with: "53") || state.begins(with: "57"):
            untried.append("\(door.name): \(Self.brief(message)) (\(state))")
        case (.refused(let state, let message), let wanted):
            if state == nil { obstacles.append(Self.brief(message)) }
            wrong.append("\(door.name): refused by '\(Self.brief(message))'\(state.map { " (\($0))" } ?? "") instead of \(Self.text(wanted))")
        }
    }

    /// - Parameter others: faults besides the doors.
    func finding(check: String, others: [String] = [], expected: String, remedy: String) -> Finding {
        let obstacle =
            obstacles.count > 1 && obstacles.count == wrong.count && shut.isEmpty && open.isEmpty && Set(obstacles).count == 1 ? obstacles.first : nil
        let faults = obstacle.map { ["none of \(wrong.count) attempts got as far as a refusal: \($0)"] } ?? open + wrong + others
        let total = shut.count + open.count + wrong.count + untried.count
        let level: Finding.Level = !faults.isEmpty || total == 0 ? .fail : untried.isEmpty ? .pass : .skip
        let measured =
            faults.isEmpty
            ? "\(shut.count) of \(total) refused: \(shut.joined(separator: ", "))" + (untried.isEmpty ? "" : "; not tried: \(untried.joined(separator: "; "))")
            : faults.joined(separator: "; ")
        return Finding(
            check: check, level: level, measured: measured, expected: expected,
            remedy: level == .pass ? nil : level == .skip ? "the server took no connections: verify again when it does" : remedy)
    }

    /// The essential words, without the address that libpq puts before them and its advice after them.
    private static func brief(_ message: String) -> String {
        let start = (message.firstRange(of: "FATAL:  ") ?? message.firstRange(of: " failed: "))?.upperBound ?? message.startIndex
        return String(message[start...].prefix { $0 != ";" })
    }

    private static func text(_ refusal: Door.Refusal) -> String {
        switch refusal {
        case .server(let state): "SQLSTATE \(state)"
        case .client(let text): "'\(text)'"
        }
    }
}
