import HostSystem
import Quoting
import Testing

@Suite("Words, as shells read them")
struct ShellRoundTripTests {
    /// What the shell's `printf` is given.
    private func read(_ texts: [String], by shell: String, _ word: (String) -> String) async throws -> [[UInt8]] {
        let script = texts.map { "printf '%s\\0' \(word($0))\n" }.joined()
        let result = try await ProgramRunner.run(shell, ["-s"], input: Array(script.utf8), outputLimit: 256 << 20)
        #expect(result.status == 0, "\(result.errorText)")
        return result.standardOutput.split(separator: 0, omittingEmptySubsequences: false).dropLast().map(Array.init)
    }

    private let odd = GeneratedText.pieces + GeneratedText.lineBreaks + GeneratedText.controls

    @Test("There are the scalars that join a quote")
    func joiners() { #expect(GeneratedText.joiners.count > 2500) }

    @Test("A word comes back byte for byte, whatever joins its quotes", arguments: ["dash", "bash"])
    func joined(shell: String) async throws {
        let texts = GeneratedText.joined(["'", "\\", "\"", "$", "`", "\n", ";"])
        try await GeneratedText.expectReadBack(texts) { try await read($0, by: shell) { ShellWord($0).text } }
    }

    @Test("So do generated words", arguments: [("dash", 0.25), ("bash", 0.25)])
    func generated(shell: String, share: Double) async throws {
        try await GeneratedText.expectReadBack(GeneratedText.texts(share, seed: 1, pieces: odd)) { try await read($0, by: shell) { ShellWord($0).text } }
    }

    @Test("So do the words of messages in bash")
    func shown() async throws {
        let texts = GeneratedText.joined(["'", "\n"]) + GeneratedText.texts(0.05, seed: 2, pieces: odd)
        try await GeneratedText.expectReadBack(texts) { try await read($0, by: "bash") { ShellWord(shown: $0).text } }
    }

    @Test("A word of a message is one line without control characters")
    func lines() {
        for text in GeneratedText.texts(0.01, seed: 3, pieces: odd) {
            let hasControls = ShellWord(shown: text).text.unicodeScalars.contains { $0.isControl }
            #expect(!hasControls)
        }
    }
}
