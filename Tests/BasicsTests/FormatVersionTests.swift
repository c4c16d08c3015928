import Basics
import Testing

@Suite("The version of a file's format")
struct FormatVersionTests {
    @Test("A newer format is refused, an older or equal one is read")
    func formats() throws {
        try FormatVersion.check(1, supported: 2, file: "f")
        try FormatVersion.check(2, supported: 2, file: "f")
        #expect { try FormatVersion.check(3, supported: 2, file: "f") } throws: { ($0 as? Failure)?.code == .newerFormat }
        #expect { try FormatVersion.check(0, supported: 2, file: "f") } throws: { ($0 as? Failure)?.code == .invalidInput }
    }
}
