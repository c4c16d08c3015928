import HostSystem
import Quoting
import TestSupport
import Testing

@Suite("Words for a shell")
struct ShellWordTests {
    static let odd = [
        "", " ", "a b", "'", "''", "it's", "'\u{301}; touch /tmp/x; #", "\"", "\\", "$HOME", "$(id)", "`id`", "a;b", "a&b", "*", "?", "[a]", "{a,b}", "~",
        "~root",
        "#a", "!x", "=ls", "%1", "a=b", "-n", "é", "e\u{301}", "🐘", "/srv/dir with blank/spec.yaml", "\u{200d}'\u{200d}", "'\u{fe0f}", "<>", "|", "a\u{2028}b",
    ]
    static let controls = ["a\nb", "\t", "\u{1b}[31m", "it's\n", "\\n\n", "\u{7f}", "é\u{1}", "\u{feff}a"]

    private func echo(_ word: String, in shell: String) async throws -> [UInt8] {
        try await ProgramRunner.check(shell, ["-c", "printf %s \(ShellWord.quoted(word)); printf ."]).standardOutput
    }

    @Test("Every shell gives a word back byte for byte", arguments: odd)
    func words(word: String) async throws {
        for shell in ["sh", "bash", "zsh"] { #expect(try await echo(word, in: shell) == Array((word + ".").utf8), "\(shell)") }
    }

    @Test("So do bash and zsh a word with control characters, of which none is printed", arguments: controls)
    func controlCharacters(word: String) async throws {
        for shell in ["bash", "zsh"] { #expect(try await echo(word, in: shell) == Array((word + ".").utf8), "\(shell)") }
        #expect(ShellWord.quoted(word).utf8.allSatisfy { (0x20..<0x7f).contains($0) })
    }

    @Test("Generated words come back byte for byte")
    func generated() async throws {
        var random = RepeatableRandom(seed: 1)
        let words = (0..<300).map { _ in (0..<4).map { _ in Self.odd.randomElement(using: &random) ?? "" }.joined() }
        let script = words.map { "printf '%s.' \(ShellWord.quoted($0))" }.joined(separator: "\n")
        let found = try await ProgramRunner.check("sh", ["-s"], input: Array(script.utf8)).standardOutput
        #expect(found == Array((words.joined(separator: ".") + ".").utf8))
    }

    @Test(
        "An ordinary path or name is not quoted",
        arguments: ["/var/lib/pgkvm/orders/spec.yaml", "qemu+ssh://root@kvm1/system", "root@pam", "a=b,c=d", "-9"])
    func bare(word: String) { #expect(ShellWord.quoted(word) == word) }

    @Test("A path with a blank is in quotes")
    func quoted() { #expect(ShellWord.quoted("/dir with blank/spec.yaml") == "'/dir with blank/spec.yaml'") }
}
