import ApplianceModel
import TestSupport
import Testing

@testable import Verification

@Suite("pg_test_fsync's output")
struct FsyncMethodsTests {
    @Test("The first table of real output is read, methods that the system lacks included")
    func recorded() throws {
        let text = try Fixture.text("pg_test_fsync-17.txt")
        let methods = FsyncMethodsCheck.methods(text)
        #expect(methods.map(\.name) == ["open_datasync", "fdatasync", "fsync", "fsync_writethrough", "open_sync"])
        #expect(methods.map(\.microseconds) == [1958, 2184, 5246, nil, 5750])
        #expect(FsyncMethodsCheck.finding(text).level == .pass)
        #expect(FsyncMethodsCheck.finding(text).measured.hasPrefix("open_datasync 1958 µs, fdatasync 2184 µs, "))
    }

    @Test("Output that broke off before fdatasync's figure, or is none, is a failure")
    func broken() throws {
        let text = try Fixture.text("pg_test_fsync-17.txt")
        let figure = try #require(text.firstRange(of: "2184 usecs/op"))
        for end in [text.startIndex, text.index(text.startIndex, offsetBy: 40), figure.lowerBound, text.index(figure.upperBound, offsetBy: -2)] {
            #expect(FsyncMethodsCheck.finding(String(text[..<end])).level == .fail)
        }
        #expect(FsyncMethodsCheck.finding(text.replacing("fdatasync", with: "fdata")).level == .fail)
        #expect(FsyncMethodsCheck.finding("pg_test_fsync: error: could not open output file").level == .fail)
    }
}
