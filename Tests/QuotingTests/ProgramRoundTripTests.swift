import FoundationEssentials
import HostSystem
import Quoting
import SystemPackage
import Testing

@Suite("Options and files, as the programs read them that they are for")
struct ProgramRoundTripTests {
    @Test("curl sends a value byte for byte")
    func curl() async throws {
        let texts = GeneratedText.joined(["\"", "\\"]) + GeneratedText.texts(0.002, seed: 1).filter { !$0.isEmpty && !$0.holds("\t") }
        try await GeneratedText.expectReadBack(texts, portion: 4000) { texts in
            let requests = try texts.map { "data-raw = \(try CurlValue($0))\nurl = \"@URL@\"\n" }
            return try await GeneratedText.readBack("curl", requests.joined(separator: "next\n").utf8)
        }
        for text in ["a\nurl = x", "a\r", "\u{7f}", "\n\u{301}"] { #expect(throws: Unquotable.self) { try CurlValue(text) } }
    }

    @Test("curl sends the file that is meant", arguments: ["plain", "a\"b", "a\\b", "\"\u{301}", "\\\u{301}", "a;type=x", "a,b", "a b", "é"])
    func curlFile(name: String) async throws {
        let directory = try Files.createTemporaryDirectory(in: "/tmp", prefix: "pgkvm-quoting")
        defer { try? Files.remove(directory) }
        let file = directory.appending(name)
        try Files.write(Array("what \(name) holds".utf8), to: file)
        let request = "form = \(try CurlValue(formFile: file.string, name: "n", part: "filename"))\nurl = \"@URL@\"\n"
        let body = try #require(try await GeneratedText.readBack("curl", request.utf8).first)
        #expect(String(decoding: body, as: UTF8.self).contains("\r\n\r\nwhat \(name) holds\r\n"))
    }

    @Test("systemd makes the words of a unit file what they were")
    func units() async throws {
        let pieces = GeneratedText.pieces.filter { !$0.holds("/") && !$0.holds("\t") }
        // The names are files, each of which can be there once.
        let generated = Set(GeneratedText.texts(0.001, seed: 2, pieces: pieces).map { "x\($0)".utf8.map { $0 } })
        let texts = GeneratedText.joined(["\"", "\\", "'", "%"]) + generated.map { String(decoding: $0, as: UTF8.self) }
        try await GeneratedText.expectReadBack(texts, portion: .max, isOrdered: false) { texts in
            try await GeneratedText.readBack("tmpfiles", try texts.map { try UnitText(fileWord: "@ROOT@/\($0)").text }.separatedByNUL)
        }
        for text in ["a\nb", "\u{7f}", "\n\u{301}", "\u{1}"] { #expect(throws: Unquotable.self) { try UnitText(fileWord: text) } }
    }

    @Test("debugfs makes the paths what they were, and shows them so that they are read back")
    func debugfs() async throws {
        let texts = GeneratedText.joined(["\"", "'"]).enumerated().filter { $0.offset.isMultiple(of: 10) }.map(\.element)
        try await GeneratedText.expectReadBack(texts, portion: .max, isOrdered: false) { texts in
            try await GeneratedText.readBack("debugfs", texts.map { DebugfsPath("/base/\($0)").text }.separatedByNUL)
        }
        for text in GeneratedText.texts(0.01, seed: 3) + texts {
            #expect(DebugfsPath.unquoted(DebugfsPath(text).text).utf8.elementsEqual(text.utf8), "\(text.debugDescription)")
        }
    }

    @Test("QEMU takes a value with commas for one")
    func qemu() async throws {
        let texts = GeneratedText.joined([","]) + GeneratedText.texts(0.002, seed: 4).filter { !$0.isEmpty }
        try await GeneratedText.expectReadBack(texts, portion: 2000) { texts in
            let objects = texts.enumerated().flatMap { ["-object", "secret,id=s\($0.offset),data=\(QEMUValue($0.element))"] }
            let questions = texts.indices.map { #"{"execute":"qom-get","arguments":{"path":"/objects/s\#($0)","property":"data"}}"# }
            let input = ([#"{"execute":"qmp_capabilities"}"#] + questions + [#"{"execute":"quit"}"#]).joined(separator: "\n")
            let result = try await ProgramRunner.run(
                "qemu-system-x86_64", ["-M", "none", "-nodefaults", "-display", "none", "-S", "-qmp", "stdio"] + objects, input: Array(input.utf8))
            struct Answer: Decodable { let `return`: String }
            return result.standardOutput.split(separator: 10).compactMap {
                (try? JSONDecoder().decode(Answer.self, from: Data($0))).map { Array($0.return.utf8) }
            }
        }
    }

    @Test("A value for Proxmox VE is what it is, or refused")
    func properties() throws {
        for text in ["local", "local:import/x.qcow2", "vmbr0", "a\u{301}"] { #expect(try ProxmoxPropertyValue(text).text == text) }
        for text in ["", "a,b", "a=b", ",\u{301}x", "=\u{200d}", "a b", "a\u{2028}b", "a\n"] {
            #expect(throws: Unquotable.self) { try ProxmoxPropertyValue(text) }
        }
    }
}
