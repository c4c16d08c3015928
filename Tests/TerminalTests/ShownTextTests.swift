import Testing

@testable import Terminal

@Suite("What a terminal is given of others' texts")
struct ShownTextTests {
    @Test(
        "What would steer it is shown",
        arguments: [
            ("a\u{1b}]0;title\u{7}b", #"a\u{1b}]0;title\u{7}b"#), ("\u{1b}[2J", #"\u{1b}[2J"#), ("a\u{9b}31mb", #"a\u{9b}31mb"#),
            ("\u{90}q\u{9c}", #"\u{90}q\u{9c}"#),
            ("a\rb", #"a\u{d}b"#), ("a\u{8}\u{8}b", #"a\u{8}\u{8}b"#), ("\u{7f}\u{0}", #"\u{7f}\u{0}"#), ("a\u{202e}b\u{202c}", #"a\u{202e}b\u{202c}"#),
            ("\u{2066}x\u{2069}", #"\u{2066}x\u{2069}"#), ("\u{200f}\u{61c}", #"\u{200f}\u{61c}"#), ("\u{2028}", #"\u{2028}"#), ("\u{feff}", #"\u{feff}"#),
            // A combining mark makes one character of itself and what stands before.
            ("\u{1b}\u{301}[2J", "\\u{1b}\u{301}[2J"), ("\r\n\r", #"\u{d}"#),
        ])
    func controls(text: String, shown: String) {
        let lines = TextStyle.shownLines(text)
        #expect(lines == (text.hasPrefix("\r\n") ? "\n" + shown : shown))
        #expect(!lines.unicodeScalars.contains { $0.properties.generalCategory == .control && $0 != "\n" && $0 != "\t" })
    }

    @Test("Bytes that are no UTF-8 reach it as signs of that")
    func bytes() {
        let text = String(decoding: [0x61, 0xc2, 0x1b, 0x5b, 0x9b, 0x32, 0x4a, 0xff, 0x62] as [UInt8], as: UTF8.self)
        #expect(TextStyle.shownLines(text) == "a\u{fffd}\\u{1b}[\u{fffd}2J\u{fffd}b")
    }

    @Test("Words of any language, lines and tabs stay as they are")
    func harmless() {
        let text = "größe\t🐘 e\u{301}\nשלום\nمرحبا 日本\n\n  -"
        #expect(TextStyle.shownLines(text) == text)
        #expect(TextStyle.shownLines("one\r\ntwo\r\n") == "one\ntwo\n")
        #expect(TextStyle.shown("a\nb\tc") == "a b\\u{9}c")
    }

    @Test("The sequences of a style stay where there is one, and no other")
    func style() {
        let style = TextStyle(hasColor: true)
        let painted = style.bold("a") + style.dim("b") + TextStyle.Color.allCases.map { style.colored("c", $0) }.joined()
        #expect(TextStyle.shownLines(painted, keepsStyle: true) == painted)
        #expect(!TextStyle.shownLines(painted).contains("\u{1b}"))
        for text in ["\u{1b}[31m", "\u{1b}[8m", "\u{1b}[1;32m", "\u{1b}[1", "\u{1b}", "\u{1b}]1m", "\u{1b}[1J", "\u{1b}\u{1b}[2J"] {
            #expect(!TextStyle.shownLines(text, keepsStyle: true).contains("\u{1b}"), "\(text.unicodeScalars.map(\.value))")
        }
    }
}
