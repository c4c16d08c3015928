import Terminal
import Testing

@Suite("Text with a style")
struct TextStyleTests {
    @Test("A bar has the length of its share, and something shows as something")
    func bars() {
        #expect(BlockBar.render(0, width: 4) == "    ")
        #expect(BlockBar.render(0.001, width: 4) == "▏   ")
        #expect(BlockBar.render(0.5, width: 4) == "██  ")
        #expect(BlockBar.render(0.53, width: 4) == "██▏ ")
        #expect(BlockBar.render(7, width: 4) == "████")
    }

    @Test("Long texts are broken where they begin, at words")
    func wrapping() {
        let style = TextStyle(columns: 40)
        let lines = style.wrapped("one two three four five six seven eight nine ten", indent: 10).split(separator: "\n")
        #expect(lines.count == 2)
        #expect(lines.allSatisfy { $0.count <= 40 })
        #expect(lines[1].hasPrefix("          "))
        #expect(style.wrapped(String(repeating: "x", count: 100), indent: 10).count == 100)
    }
}
