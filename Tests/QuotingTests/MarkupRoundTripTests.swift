import HostSystem
import Quoting
import Testing

@Suite("YAML, XML, HTML and URIs, as their parsers read them")
struct MarkupRoundTripTests {
    private let odd = GeneratedText.pieces + GeneratedText.lineBreaks + GeneratedText.controls

    @Test("PyYAML reads a scalar byte for byte")
    func yaml() async throws {
        let texts = GeneratedText.joined(["\"", "\\", "'", ":", "#", "\n"]) + GeneratedText.texts(0.1, seed: 1, pieces: odd)
        for form in [{ YAMLScalar($0).text }, { YAMLScalar(quoted: $0).text }] as [(String) -> String] {
            try await GeneratedText.expectReadBack(texts) { texts in
                try await GeneratedText.readBack("yaml", texts.map { "- \(form($0))\n" }.joined().utf8)
            }
        }
    }

    @Test("An XML parser reads content and attributes byte for byte, and xmllint has nothing against them")
    func xml() async throws {
        let texts =
            GeneratedText.joined(["\"", "'", "<", "&", "]"]) + GeneratedText.texts(0.05, seed: 2, pieces: GeneratedText.pieces + GeneratedText.lineBreaks)
        try await GeneratedText.expectReadBack(texts.flatMap { [$0, $0] }) { texts in
            let elements = stride(from: 0, to: texts.count, by: 2).map { "<v a=\"\(XMLText(attribute: texts[$0]))\">\(XMLText(content: texts[$0]))</v>\n" }
            let document = "<r>\(elements.joined())</r>"
            let lint = try await ProgramRunner.run("xmllint", ["--noout", "--huge", "-"], input: Array(document.utf8))
            #expect(lint.status == 0, "\(lint.errorText)")
            return try await GeneratedText.readBack("xml", document.utf8)
        }
        for text in texts.prefix(20_000) {
            #expect(XMLText.read(XMLText(attribute: text).text).utf8.elementsEqual(text.utf8), "\(text.debugDescription)")
        }
    }

    @Test("What XML cannot hold is replaced")
    func replaced() async throws {
        let texts = GeneratedText.texts(0.005, seed: 3, pieces: odd + ["\u{0}", "\u{fffe}", "\u{ffff}"])
        let document = "<r>\(texts.map { "<v a='\(XMLText(attribute: $0))'>\(XMLText(content: $0))</v>" }.joined())</r>"
        let lint = try await ProgramRunner.run("xmllint", ["--noout", "--huge", "-"], input: Array(document.utf8))
        #expect(lint.status == 0, "\(lint.errorText)")
    }

    @Test("An HTML parser reads content and attributes byte for byte")
    func html() async throws {
        let texts = GeneratedText.joined(["\"", "'", "<", "&", "`"]) + GeneratedText.texts(0.02, seed: 4)
        try await GeneratedText.expectReadBack(texts.flatMap { [$0, $0] }) { texts in
            let elements = stride(from: 0, to: texts.count, by: 2).map { "<p title=\"\(HTMLText(texts[$0]))\">\(HTMLText(texts[$0]))</p>\n" }
            return try await GeneratedText.readBack("html", elements.joined().utf8)
        }
    }

    @Test("A percent-encoded part is decoded byte for byte")
    func percent() async throws {
        let texts = GeneratedText.joined(["%", "/", "?", "&"]) + GeneratedText.texts(0.05, seed: 5, pieces: odd)
        try await GeneratedText.expectReadBack(texts) { try await GeneratedText.readBack("percent", $0.map { URIPart($0).text }.separatedByNUL) }
    }
}
