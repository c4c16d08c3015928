import ApplianceModel
import Basics
import HostSystem
import SystemPackage
import Testing

@testable import GuestImage

@Suite("The checksum of an import")
struct ImageChecksumTests {
    @Test("is read with its algorithm named, or told by its length, in either case")
    func reads() throws {
        let short = String(repeating: "0a", count: 32)
        let long = String(repeating: "0b", count: 64)
        #expect(try ImageChecksum("sha256:\(short)").description == "sha256:\(short)")
        #expect(try ImageChecksum(short.uppercased()).description == "sha256:\(short)")
        #expect(try ImageChecksum(long).algorithm == .sha512)
        #expect(try ImageChecksum("SHA512:\(long)").digest == long)
    }

    @Test(
        "is refused where it is none",
        arguments: [
            "", "sha256:", "abc", "md5:d41d8cd98f00b204e9800998ecf8427e", "sha512:\(String(repeating: "a", count: 64))", String(repeating: "g", count: 64),
            String(repeating: "é", count: 32),
        ])
    func refuses(text: String) {
        let failure = #expect(throws: Failure.self) { try ImageChecksum(text) }
        #expect(failure?.code == .invalidInput)
    }

    @Test("is what the programs of that name compute", arguments: ImageChecksum.Algorithm.allCases)
    func computes(algorithm: ImageChecksum.Algorithm) async throws {
        try await withScratch { scratch in
            let file = scratch.appending("file")
            try Files.write((0..<3_000_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }, to: file)
            let expected = try await checksum(of: file, algorithm: algorithm)
            var hasher = expected.makeHasher()
            let descriptor = try FileDescriptor.open(file, .readOnly)
            let end = try descriptor.closeAfter { try hasher.update(from: descriptor, offset: 0) }
            #expect(end == 3_000_000)
            #expect(hasher.finish() == expected.digest)
        }
    }
}
