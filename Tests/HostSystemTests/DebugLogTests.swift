import ApplianceModel
import Basics
import Synchronization
import SystemPackage
import Testing

@testable import HostSystem

@Suite("The debug log")
struct DebugLogTests {
    private func lines(_ path: FilePath) throws -> [Substring] { try Files.readText(path).split(separator: "\n") }

    @Test("Lines wait until the directory is there, then all of them are in a file that only its owner reads")
    func waits() async throws {
        try await withTemporaryDirectory { parent in
            let directory = parent.appending("later")
            let path = directory.appending("pgkvm.log")
            let log = DebugLog()
            log.write(.info, "before a file was named")
            log.keep(in: path)
            log.write(.debug, "before there was a directory")
            #expect(!Files.exists(directory))
            try Files.createDirectory(directory)
            log.write(.error, "now")
            let lines = try lines(path)
            #expect(lines.count == 3)
            for (line, end) in zip(lines, [" info before a file was named", " debug before there was a directory", " error now"]) {
                #expect(line.hasSuffix(end), "\(line)")
                #expect(line.prefixMatch(of: #/[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}\.[0-9]{3}Z [0-9]+ /#) != nil, "\(line)")
            }
            #expect(Files.status(path)?.permissions == 0o600)
        }
    }

    @Test("A record is one line, whatever is in it, and is cleaned first")
    func oneLine() async throws {
        try await withTemporaryDirectory { directory in
            let path = directory.appending("pgkvm.log")
            let shown = Mutex<[String]>([])
            let log = DebugLog(clean: { $0.replacing("secret", with: "-") }, echo: { level, text in shown.withLock { $0.append("\(level) \(text)") } })
            log.keep(in: path)
            log.write(.info, "one\ntwo\r\u{1b}[31m secret \u{9b}x 🐘")
            log.write(.info, "not shown", echoes: false)
            #expect(try lines(path).count == 2)
            #expect(shown.withLock { $0 } == [#"info one\ntwo\r?[31m - ?x 🐘"#])
            log.write(.info, String(repeating: "x", count: 100_000))
            let last = try #require(try lines(path).last)
            #expect(last.count < 5000)
        }
    }

    @Test("It does not grow without bound: the former file stays beside the new one, and a second writer follows")
    func bounded() async throws {
        try await withTemporaryDirectory { directory in
            let path = directory.appending("pgkvm.log")
            let (log, other) = (DebugLog(), DebugLog())
            for log in [log, other] { log.keep(in: path) }
            other.write(.info, "the other's first")
            let text = String(repeating: "x", count: 3000)
            for _ in 0..<2000 { log.write(.debug, text) }
            for file in [path, DebugLog.former(path)] {
                let size = try #require(Files.status(file)).size.bytes
                #expect(size > 0 && size <= DebugLog.fileLimit)
                #expect(Files.status(file)?.permissions == 0o600)
            }
            // The other still has the first file, which is full and was put away: it goes on in the present one.
            other.write(.info, "the other's last" + String(repeating: "y", count: 3000))
            #expect(try Files.readText(path).contains("the other's last"))
            #expect(try Files.list(directory).count == 2)
        }
    }

    @Test("Programs are told with their arguments, status and time; what they read is not")
    func programs() async throws {
        try await withTemporaryDirectory { directory in
            let path = directory.appending("pgkvm.log")
            let log = DebugLog()
            log.keep(in: path)
            try await DebugLog.$current.withValue(log) {
                _ = try await ProgramRunner.run("sh", ["-c", "cat >/dev/null; exit 3", "a b"], input: Array("of no concern".utf8))
                _ = try? await ProgramRunner.run("no-such-program-here", [])
            }
            let text = try Files.readText(path)
            #expect(text.contains(#/ info sh -c 'cat >\/dev\/null; exit 3' 'a b' -> status 3, [0-9]+ ms\n/#), "\(text)")
            #expect(!text.contains("of no concern"))
        }
    }

    @Test("A log that cannot be written is no failure")
    func unwritable() {
        let log = DebugLog()
        log.keep(in: "/proc/pgkvm.log")
        log.write(.info, "nobody reads this")
    }

    @Test("Words are quoted as a person would", arguments: [(["a", "-b=c/d"], "a -b=c/d"), (["a b", ""], "'a b' ''"), (["it's"], #"'it'\''s'"#)])
    func quoting(words: [String], text: String) { #expect(CommandText.render(words) == text) }
}
