internal import ApplianceModel
internal import Basics
internal import Quoting

/// Determines the total size of a transfer from the answers' header lines that curl has written.
enum TransferSize {
    /// The size of the whole file: from the last answer's `Content-Range`, otherwise what was there before plus its `Content-Length`.
    /// - Returns: nil until an answer came, for an answer that is not a success, and for one that does not contain the size.
    static func total(headers: String, before: Int64) -> Int64? {
        var total: Int64?
        var isSuccess = false
        for line in headers.split(whereSeparator: \.isNewline) {
            if line.begins(with: "HTTP/") {
                // Each redirection has its own answer.
                total = nil
                isSuccess = line.split(at: " ").dropFirst().first?.begins(with: "2") ?? false
                continue
            }
            let parts = line.split(at: ":", maxSplits: 1)
            guard isSuccess, parts.count == 2 else { continue }
            let value = parts[1].filter { !$0.isWhitespace }
            switch parts[0].lowercased() {
            case "content-range": total = value.split(at: "/").last.flatMap { Int64($0) } ?? total
            case "content-length": total = total ?? Int64(value).map { $0.addingSaturated(before) }
            default: break
            }
        }
        return total
    }
}
