internal import ApplianceModel
internal import Basics
internal import Crypto
internal import HostSystem
internal import Quoting
internal import SystemPackage

/// The checksum that an import must match.
package struct ImageChecksum: Sendable, Equatable, CustomStringConvertible {
    package enum Algorithm: String, Sendable, CaseIterable {
        case sha256, sha512

        var digits: Int { self == .sha256 ? 64 : 128 }
    }

    package let algorithm: Algorithm
    /// Lower-case hexadecimal digits.
    package let digest: String

    /// Parses `sha256:HEX`, `sha512:HEX`, or the digits alone, whose number determines the algorithm.
    /// - Throws: `input.invalid`.
    package init(_ text: String) throws {
        let parts = text.split(at: ":", maxSplits: 1, omittingEmptySubsequences: false)
        let digits = (parts.last ?? "").lowercased()
        let named = parts.count == 2 ? Algorithm(rawValue: parts[0].lowercased()) : Algorithm.allCases.first { $0.digits == digits.utf8.count }
        guard let algorithm = named, digits.utf8.count == algorithm.digits, digits.utf8.allSatisfy(Self.isHexDigit) else {
            throw Failure(
                .invalidInput, "'\(text)' is not a checksum", remedy: "give sha256:… with 64 or sha512:… with 128 hexadecimal digits, as the publisher names it"
            )
        }
        self.algorithm = algorithm
        digest = digits
    }

    package var description: String { "\(algorithm.rawValue):\(digest)" }

    private static func isHexDigit(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte)
    }

    /// A hasher for computing the digest piece by piece.
    func makeHasher() -> ChecksumHasher { ChecksumHasher(algorithm) }

    /// - Throws: `image.checksum-mismatch` when the digest differs.
    func check(_ found: String, source: String) throws {
        guard found != digest else { return }
        throw Failure(
            .imageChecksumMismatch, "'\(source)' has another checksum than the one given: expected \(self), found \(algorithm.rawValue):\(found)",
            remedy: "compare the checksum with the one that the publisher names for exactly this file")
    }
}

/// Computes either kind of digest in chunks.
struct ChecksumHasher {
    private var sha256: SHA256?
    private var sha512: SHA512?

    init(_ algorithm: ImageChecksum.Algorithm) {
        switch algorithm {
        case .sha256: sha256 = SHA256()
        case .sha512: sha512 = SHA512()
        }
    }

    mutating func update(_ bytes: ArraySlice<UInt8>) {
        sha256?.update(data: bytes)
        sha512?.update(data: bytes)
    }

    /// Hashes the content of a file from `offset` on.
    /// - Returns: the offset after the last byte.
    mutating func update(from file: FileDescriptor, offset: Int64) throws -> Int64 {
        var offset = offset
        var chunk = [UInt8](repeating: 0, count: 1 << 20)
        while true {
            try Task.checkCancellation()
            let count = try chunk.withUnsafeMutableBytes { try file.read(fromAbsoluteOffset: offset, into: $0) }
            if count == 0 { return offset }
            update(chunk[..<count])
            offset += Int64(count)
        }
    }

    consuming func finish() -> String {
        if let sha256 { return sha256.finalize().hexadecimal }
        if let sha512 { return sha512.finalize().hexadecimal }
        return ""
    }
}
