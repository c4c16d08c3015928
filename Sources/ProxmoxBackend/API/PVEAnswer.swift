internal import ApplianceModel
package import Basics
internal import FoundationEssentials
internal import Quoting

/// The server's answer.
package struct PVEAnswer: Sendable, Equatable {
    package let status: Int
    /// The reason phrase after the status; where the body is empty, the server says nothing else.
    package let reason: String
    /// The body as JSON; nil where it is empty or not JSON.
    package let json: JSONValue?
    /// The beginning of a body that is not JSON.
    let text: String

    package init(status: Int, reason: String, body: [UInt8]) {
        self.status = status
        self.reason = reason
        json = body.isEmpty ? nil : try? JSONDecoder().decode(JSONValue.self, from: Data(body))
        text = json == nil ? String(decoding: body.prefix(400), as: UTF8.self).trimming() : ""
    }

    /// Parses the head and body of an answer, without any interim answers before them. Nil when the answer is incomplete.
    init?(wire: [UInt8]) {
        var rest = wire[...]
        while true {
            guard let end = rest.firstRange(of: Array("\r\n\r\n".utf8)) else { return nil }
            let head = String(decoding: rest[..<end.lowerBound], as: UTF8.self)
            let line = head.prefix { $0 != "\r\n" && $0 != "\n" }
            guard let parts = line.wholeMatch(of: /HTTP\/[0-9.]+ ([0-9]{3})(?: (.*))?/), let status = Int(parts.1) else { return nil }
            rest = rest[end.upperBound...]
            if (100..<200).contains(status) { continue }
            self.init(status: status, reason: String(parts.2 ?? ""), body: Array(rest))
            return
        }
    }

    package var isSuccess: Bool { (200..<300).contains(status) }

    /// The server's error message: the body, or the reason phrase where the body is empty.
    package var message: String {
        if let message = json?["message"]?.string?.trimming(), !message.isEmpty { return message }
        return text.isEmpty || text.begins(with: "<") ? reason.trimming() : text
    }

    /// The parameters that the server refuses, each with the reason, in the order of their names.
    package var faults: [(name: String, reason: String)] {
        guard case .object(let members)? = json?["errors"] else { return [] }
        return members.sorted { $0.key < $1.key }.map { ($0.key, $0.value.text?.trimming() ?? "refused") }
    }
}
