internal import Basics
internal import FoundationEssentials
internal import Glibc
internal import Quoting

/// Standard output is for results, standard error for everything else.
package enum Terminal {
    package static let isErrorTTY = isatty(STDERR_FILENO) == 1
    package static let isOutputTTY = isatty(STDOUT_FILENO) == 1
    package static let isInputTTY = isatty(STDIN_FILENO) == 1

    /// Whether a line of standard error can be erased and written again.
    package static let rewritesLines = isErrorTTY && EnvironmentVariable.value("TERM").map { $0 != "dumb" } ?? false

    /// Prints a text for people. Nothing in it controls a terminal, not even one that later shows a file with this output.
    /// - Parameter style: the style of the text; its own sequences stay.
    package static func print(_ text: String, style: TextStyle = .plain) {
        write(TextStyle.shownLines(text, keepsStyle: style.hasColor) + "\n", to: STDOUT_FILENO)
    }

    /// Prints a text in which every byte counts: a log, a document, or input for another program. On a terminal, it is made safe like any other text.
    package static func printDocument(_ text: String) { printDocument(Array(text.utf8)) }

    /// The same for bytes that need not be UTF-8.
    package static func printDocument(_ bytes: [UInt8]) {
        let shown = isOutputTTY ? Array(TextStyle.shownLines(String(decoding: bytes, as: UTF8.self)).utf8) : bytes
        write(shown + [UInt8(ascii: "\n")], to: STDOUT_FILENO)
    }

    /// Like `print`, on standard error.
    package static func error(_ text: String, style: TextStyle = .plain) {
        write(TextStyle.shownLines(text, keepsStyle: style.hasColor) + "\n", to: STDERR_FILENO)
    }

    /// Like `printDocument`, on standard error.
    package static func errorDocument(_ text: String) { write((isErrorTTY ? TextStyle.shownLines(text) : text) + "\n", to: STDERR_FILENO) }

    /// Rewrites the current line of a terminal.
    package static func status(_ text: String) {
        guard rewritesLines else { return }
        var size = winsize()
        let columns = ioctl(STDERR_FILENO, UInt(TIOCGWINSZ), &size) == 0 && size.ws_col > 0 ? Int(size.ws_col) : 80
        write("\r\u{1b}[K" + String(TextStyle.shown(text).prefix(columns - 1)), to: STDERR_FILENO)
    }

    package static func printJSON(_ value: some Encodable) throws { printDocument(try json(value)) }

    /// The form of every JSON document of this program.
    package static func json(_ value: some Encodable) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(value), as: UTF8.self)
    }

    /// The abilities of standard output: colours and bars only on a terminal, and no colours if the user does not want any (no-color.org).
    package static let style: TextStyle = {
        guard isOutputTTY, let terminal = EnvironmentVariable.value("TERM"), terminal != "dumb" else { return .plain }
        let wantsNoColor = EnvironmentVariable.value("NO_COLOR").map { !$0.isEmpty } ?? false
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"].lazy.compactMap(EnvironmentVariable.value).first { !$0.isEmpty } ?? ""
        let isUTF8 = locale.lowercased().replacing("-", by: "").ends(with: "utf8")
        var size = winsize()
        let columns = ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0 && size.ws_col > 0 ? Int(size.ws_col) : nil
        return TextStyle(hasColor: !wantsNoColor, hasBlocks: isUTF8, columns: columns)
    }()

    /// Writes a question whose answer is read elsewhere.
    package static func prompt(_ question: String, style: TextStyle = .plain) {
        write(TextStyle.shownLines(question, keepsStyle: style.hasColor), to: STDERR_FILENO)
    }

    /// Asks a question on the terminal; nil if there is no user.
    package static func ask(_ question: String) -> String? {
        guard isInputTTY else { return nil }
        prompt(question)
        return readLine()
    }

    private static func write(_ text: String, to descriptor: Int32) { write(Array(text.utf8), to: descriptor) }

    private static func write(_ bytes: [UInt8], to descriptor: Int32) {
        var bytes = bytes[...]
        while !bytes.isEmpty {
            let count = bytes.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            guard count > 0 else { return }
            bytes = bytes.dropFirst(count)
        }
    }
}
