internal import Quoting

/// The output of `openssl speed -mr` for one algorithm and one block size.
package struct OpenSSLSpeed: Sendable, Equatable {
    /// Why an output is not accepted.
    package struct Unreadable: Error, Equatable, CustomStringConvertible {
        package let description: String
        /// Whether the machine was too busy: another attempt may succeed.
        package var isBusy = false
    }

    package static let algorithm = "AES-256-GCM"
    package static let blockSize = 16384
    package static let arguments = ["speed", "-mr", "-seconds", "1", "-bytes", "\(blockSize)", "-evp", "aes-256-gcm"]
    /// AES-NI and PCLMULQDQ, VAES and VPCLMULQDQ: each pair alone would leave a fast method available.
    package static let mask = "~0x200000200000000:~0x60000000000"

    /// Bytes per second of processor time.
    package let bytesPerSecond: Double

    /// Reads both streams: the summary (`+F`) on the standard output must follow from the count (`+R`) on the standard error.
    package init(standardOutput: String, standardError: String) throws(Unreadable) {
        guard standardOutput.ends(with: "\n"), standardError.ends(with: "\n") else { throw Unreadable(description: "openssl's output broke off") }
        guard Self.fields(standardOutput, "+H") == [["\(Self.blockSize)"]] else {
            throw Unreadable(description: "openssl did not say that it took blocks of \(Self.blockSize) bytes")
        }
        let counts = Self.fields(standardError, "+R")
        guard counts.count == 1, counts[0].count == 3, counts[0][1] == Self.algorithm, let count = Double(counts[0][0]),
            let seconds = Double(counts[0][2]), seconds.isFinite
        else { throw Unreadable(description: "openssl gave no count of \(Self.algorithm)") }
        // From a time of zero, openssl computes an infinite speed, or none.
        guard seconds >= 0.2 else { throw Unreadable(description: "openssl got only \(seconds) s of a processor's time", isBusy: true) }
        let summaries = Self.fields(standardOutput, "+F")
        guard summaries.count == 1, summaries[0].count == 3, summaries[0][1] == Self.algorithm, let speed = Double(summaries[0][2]),
            speed.isFinite, speed > 0
        else { throw Unreadable(description: "openssl gave no speed of \(Self.algorithm)") }
        let counted = count * Double(Self.blockSize) / seconds
        guard abs(speed - counted) <= counted / 100 else {
            throw Unreadable(description: "openssl's speed of \(speed) bytes per second does not follow from its count of \(count) blocks in \(seconds) s")
        }
        bytesPerSecond = speed
    }

    /// The fields of each line that begins with this label.
    private static func fields(_ text: String, _ label: String) -> [[String]] {
        text.split(at: "\n").compactMap { line in
            let parts = line.split(at: ":", omittingEmptySubsequences: false).map(String.init)
            return parts.first == label ? Array(parts.dropFirst()) : nil
        }
    }
}
