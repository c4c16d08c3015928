internal import ApplianceModel
internal import Basics
internal import FoundationEssentials

/// What the trial of a configuration printed (`judge-server.sh`).
struct ServerAnswer {
    /// What a started server reports about itself.
    struct Server: Decodable, Equatable {
        struct Setting: Decodable, Equatable {
            /// In lower case.
            let name: String
            /// As the server resolved it, in its own unit.
            let value: String
            let context: String
            /// Whether it was set by ALTER SYSTEM, and not by one of pgkvm's files.
            let isAlterSystem: Bool
        }
        let settings: [Setting]
        /// For each name, the value that comes last in the files.
        let written: [String: String]
        /// The number of huge pages that its shared memory needs; nil before PostgreSQL 15.
        let hugePages: String?
        /// The extensions that can be created.
        let extensions: [String]
        /// PostgreSQL's own roles, and `postgres`.
        let roles: [String]
    }

    /// Nil if the server did not start.
    let server: Server?
    /// The messages with which the first session was refused.
    let refusal: [ServerMessage]
    /// The messages with which the creation of each extension was refused, in the order of the requests.
    let extensions: [[ServerMessage]]
    /// The server's log.
    let log: [ServerMessage]
    /// Numbers about the guest, by name.
    let host: [String: Int]
    /// The configuration files in force, by their path in the configuration directory.
    let files: [String: String]

    /// - Throws: `server.not-judged` if the bytes are not the output of a judgement.
    init(_ bytes: [UInt8]) throws {
        let text = String(decoding: bytes, as: UTF8.self)
        var parts: [(name: String, lines: [Substring])] = []
        for line in text.split(omittingEmptySubsequences: false, whereSeparator: { $0 == "\n" || $0 == "\r\n" }) {
            if line.utf8.starts(with: "== ".utf8) {
                parts.append((String(line.utf8.dropFirst(3)) ?? "", []))
            } else if !parts.isEmpty {
                parts[parts.count - 1].lines.append(line)
            }
        }
        func lines(_ name: String) -> [Substring]? { parts.first { $0.name == name }?.lines }
        if let broken = lines("broken") {
            throw Failure(.serverNotJudged, "the guest cannot make a scratch cluster to try the configuration with: \(broken.joined(separator: " "))")
        }
        guard let log = lines("log"), let host = lines("host"), let files = lines("files") else {
            throw Failure(.serverNotJudged, "the guest's answer about the configuration is broken off", remedy: "run the same command again")
        }
        let answer = lines("answer")?.joined(separator: "\n") ?? ""
        server = answer.isEmpty ? nil : try? JSONDecoder().decode(Server.self, from: Data(answer.utf8))
        refusal = ServerMessage.parse(lines("refusal") ?? [])
        extensions = parts.filter { $0.name == "extension" }.map { ServerMessage.parse($0.lines) }
        self.log = ServerMessage.parse(log)
        self.host = Dictionary(
            host.compactMap { line in
                let words = line.split(whereSeparator: { $0 == " " })
                guard words.count == 2, let value = Int(words[1]) else { return nil }
                return (String(words[0]), value)
            }, uniquingKeysWith: { first, _ in first })
        self.files = Self.files(files)
    }

    /// Parses `file PATH`, followed by its lines, each with a leading space.
    private static func files(_ lines: [Substring]) -> [String: String] {
        var files: [String: String] = [:]
        var current: String?
        for line in lines {
            if line.utf8.first == UInt8(ascii: " "), let current {
                files[current, default: ""] += (String(line.utf8.dropFirst()) ?? "") + "\n"
            } else if line.utf8.starts(with: "file ".utf8) {
                current = String(line.utf8.dropFirst(5)) ?? ""
                if let current { files[current] = "" }
            }
        }
        return files
    }
}

/// A message of the server: its severity, its text, and the lines that belong to it.
struct ServerMessage: Equatable {
    /// `LOG`, `WARNING`, `ERROR`, `FATAL`, `PANIC`.
    let severity: String
    let text: String
    /// The DETAIL and HINT.
    var more: [String] = []

    /// Message, detail and hint on one line.
    var words: String {
        ([text] + more).map { part in part.utf8.last == UInt8(ascii: ".") ? String(part.dropLast()) : part }.joined(separator: "; ")
    }

    /// Parses the output of psql or of a server without a line prefix. A line that is not a message belongs to the message before it.
    static func parse(_ lines: [Substring]) -> [ServerMessage] {
        var messages: [ServerMessage] = []
        for line in lines {
            // The format of the postmaster's messages before it has a log.
            if line.utf8.starts(with: "postgres: ".utf8) {
                messages.append(ServerMessage(severity: "FATAL", text: String(line.utf8.dropFirst(10)) ?? ""))
                continue
            }
            let (label, text) = split(line)
            switch label {
            case "LOG", "WARNING", "ERROR", "FATAL", "PANIC", "NOTICE", "INFO", "DEBUG": messages.append(ServerMessage(severity: label, text: text))
            case "DETAIL", "HINT": if !messages.isEmpty { messages[messages.count - 1].more.append(text) }
            default: break
            }
        }
        return messages
    }

    /// Splits `SEVERITY:  text`, without the prefix that psql adds (`psql: error: connection to server … failed: `).
    private static func split(_ line: Substring) -> (label: String, text: String) {
        for label in ["LOG", "WARNING", "ERROR", "FATAL", "PANIC", "NOTICE", "INFO", "DETAIL", "HINT"] {
            guard let range = line.firstRange(of: "\(label):  ") else { continue }
            let before = line[..<range.lowerBound]
            guard before.isEmpty || before.utf8.starts(with: "psql:".utf8) || before.utf8.starts(with: "connection to".utf8) else { continue }
            return (label, String(line[range.upperBound...]))
        }
        return ("", String(line))
    }
}
