import ApplianceModel
import FoundationEssentials
import Testing

@Suite("Names of locales")
struct LocaleNameTests {
    /// The C library's own list: a name and its encoding in each line.
    private static let list = try? String(decoding: Data(contentsOf: URL(filePath: "/usr/share/i18n/SUPPORTED")), as: UTF8.self)

    @Test("The C library's own list of names and encodings is judged as it says", .enabled(if: list != nil, "needs the package locales"))
    func supported() throws {
        let lines = try #require(Self.list).split(separator: "\n").filter { !$0.hasPrefix("#") }
        #expect(lines.count > 300)
        for line in lines {
            let parts = line.split(separator: " ")
            let name = try #require(LocaleName(String(parts[0])), "\(line)")
            #expect(name.otherEncoding == (parts[1] == "UTF-8" ? nil : String(parts[1])), "\(line)")
        }
    }

    @Test("Spellings of one locale are the same")
    func same() {
        for (left, right) in [("de_CH.UTF-8", "de_CH.utf8"), ("sr_RS.Utf-8@latin", "sr_RS.utf8@latin"), ("C.UTF-8", "C.utf8"), ("odd", "odd")] {
            #expect(LocaleName.isSame(left, right))
        }
        for (left, right) in [
            ("de_CH.UTF-8", "de_AT.UTF-8"), ("sr_RS.UTF-8@latin", "sr_RS.UTF-8"), ("C", "C.UTF-8"), ("odd", "even"), ("de_CH", "de_CH.UTF-8"),
        ] {
            #expect(!LocaleName.isSame(left, right))
        }
    }
}
