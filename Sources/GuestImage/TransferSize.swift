internal import ApplianceModel
internal import Basics
internal import Quoting

/// Reads how large a transfer will be in all from the header lines that curl has written of its answers.
enum TransferSize {
    /// The size of the whole file: what the last answer's `Content-Range` says, else what came before and its `Content-Length`.
    /// - Returns: nil while the answer is not there, for one that is no success, and where it does not say.
    static func total(headers: String, before: Int64) -> Int64? {
        var total: Int64?
        var isSuccess = false
        for line in headers.split(whereSeparator: \.isNewline) {
            if line.begins(with: "HTTP/") {
                // Each redirection has an answer of its own.
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
