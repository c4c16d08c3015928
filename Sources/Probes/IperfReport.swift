internal import ApplianceModel
internal import FoundationEssentials
internal import Quoting

/// What `iperf3 --json` reports about one TCP stream.
package struct IperfReport: Equatable {
    /// Why an output is not accepted.
    package struct Damage: Error, CustomStringConvertible, Equatable {
        package let description: String

        package init(description: String) { self.description = description }
    }

    /// The bytes that arrived at the receiver, without headers.
    package let bytesPerSecond: Double
    package let seconds: Double

    private struct Document: Decodable {
        struct Start: Decodable {
            struct Test: Decodable {
                let `protocol`: String
                let reverse: Int
                let duration: Double
            }
            let test_start: Test?
        }
        struct End: Decodable {
            struct Sum: Decodable {
                package let seconds: Double
                let bytes: Double
                let bits_per_second: Double
            }
            let sum_received: Sum?
        }
        let error: String?
        let start: Start?
        let end: End?
    }

    /// - Parameters:
    ///   - bytes: the client's whole output.
    ///   - reverse: whether the server was asked to send.
    ///   - duration: the requested duration, in seconds.
    /// - Throws: `Damage` for an output that is cut off, reports an error, belongs to another test or contradicts itself.
    package init(_ bytes: [UInt8], reverse: Bool, duration: Int) throws {
        guard let document = try? JSONDecoder().decode(Document.self, from: Data(bytes)) else {
            let start = String(decoding: bytes.prefix(80), as: UTF8.self).replacing("\n", by: " ")
            throw Damage(description: bytes.isEmpty ? "iperf3 printed nothing" : "iperf3 did not finish its report: \(start)…")
        }
        if let error = document.error { throw Damage(description: "iperf3: \(error)") }
        guard let test = document.start?.test_start, let sum = document.end?.sum_received else {
            throw Damage(description: "iperf3's report has no result")
        }
        guard test.protocol == "TCP", (test.reverse != 0) == reverse, test.duration == Double(duration) else {
            throw Damage(description: "iperf3's report is of another test")
        }
        guard sum.seconds >= Double(duration) / 2, sum.seconds <= Double(duration) * 3 + 5, sum.bytes > 0 else {
            throw Damage(description: "iperf3 received \(MetricUnit.fixed(sum.bytes, 0)) bytes in \(sum.seconds) s of \(duration) s")
        }
        guard abs(sum.bytes * 8 / sum.seconds - sum.bits_per_second) <= sum.bits_per_second * 0.02 else {
            throw Damage(
                description: "iperf3 contradicts itself: \(MetricUnit.fixed(sum.bytes, 0)) bytes in \(sum.seconds) s are not \(sum.bits_per_second) bit/s")
        }
        bytesPerSecond = sum.bytes / sum.seconds
        seconds = sum.seconds
    }
}
