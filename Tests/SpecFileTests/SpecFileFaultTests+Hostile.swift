import ApplianceModel
import SpecFile
import Testing

/// Files that are meant to do harm.
extension SpecFileFaultTests {
    @Test("Faults by the thousand are counted, and the first ones listed")
    func manyFaults() {
        let text = "formatVersion: 1\nname: a\n" + (0..<5000).map { "key\($0): 1\n" }.joined()
        let found = faults(text)
        #expect(found?.count == 101)
        #expect(found?.last == "… and 4900 more")
    }

    @Test("Control characters are refused with their line")
    func controlCharacters() {
        #expect(faults("formatVersion: 1\nname: a\0b\n")?.first?.hasPrefix("s.yaml:2: not YAML: ") == true)
        #expect(faults("formatVersion: 1\nname: \"a\\0b\"\n")?.first?.hasPrefix("s.yaml:2: name: 'a\\u{0}b' is not a name") == true)
    }

    @Test("Anchors, aliases, merge keys and tags are refused")
    func anchors() {
        let text = """
            formatVersion: 1
            name: a
            machine: &m { vcpus: 2 }
            data: { <<: *m }
            postgresql: { roles: *m, locale: !!str C, settings: { work_mem: !x 1 } }
            """
        #expect(
            faults(text) == [
                "s.yaml:3: machine: anchors and aliases ('&' and '*') are not supported; write the value out",
                "s.yaml:3: postgresql.roles: anchors and aliases ('&' and '*') are not supported; write the value out",
                "s.yaml:4: data.<<: merge keys are not supported; write the keys out",
                "s.yaml:5: postgresql.settings.work_mem: tags ('!') are not supported; write the plain value",
            ])
    }

    @Test("Bombs are refused without being unfolded")
    func bombs() {
        var text = "formatVersion: 1\nname: a\na0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
        for level in 1...60 { text += "a\(level): &a\(level) [\(Array(repeating: "*a\(level - 1)", count: 10).joined(separator: ", "))]\n" }
        text += "postgresql: { allowFrom: *a60, settings: *a60 }\n"
        #expect(faults(text)?.count == 63)
        #expect(faults(String(repeating: "[", count: 500_000))?.count == 1)
        #expect(faults(String(repeating: "{a: ", count: 200_000))?.count == 1)
        #expect(faults("formatVersion: 1\n" + String(repeating: "- ", count: 500_000))?.count == 1)
        #expect(
            faults("name: " + String(repeating: "a", count: SpecFile.sizeLimit)) == [
                "s.yaml:1: the file has more than 1048576 bytes (1MiB), which is the limit"
            ])
    }
}
