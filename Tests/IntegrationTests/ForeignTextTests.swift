import ApplianceModel
import Glibc
import HostSystem
import SystemPackage
import TestSupport
import Testing

/// What the program prints of texts and numbers that others wrote, and what others see of its memory. No guest is needed.
@Suite("Others' texts and numbers at the command line", .timeLimit(.minutes(40)))
struct ForeignTextTests {
    /// The title of a window, a colour in one character, and a line that overwrites itself.
    private static let hostile = "\u{1b}]0;NOAUTH\u{7}\u{9b}31m\u{202e}one\rtwo"

    /// An appliance of which there are a spec, a debug log and a report.
    private func withAppliance(level: String = "pass", latencies: String = "[]", _ body: (PGKVMHome) async throws -> Void) async throws {
        try await PGKVMHome.with { home in
            let directory = home.appliance("orders")
            try Files.createDirectory(directory.appending("reports"))
            try Files.write("formatVersion: 1\nname: orders\n", to: directory.appending("spec.yaml"))
            try Files.write("before\t\(Self.hostile)\nafter\n", to: directory.appending("pgkvm.log"))
            let report = """
                {"formatVersion": 2, "appliance": "orders", "time": "2026-01-01T00:00:00Z", "accelerator": "kvm", "depth": "full",
                 "findings": [{"check": "cpu.aes", "level": "\(level)", "measured": "a", "expected": "b"}],
                 "measurements": {"latencies": \(latencies), "settings": [], "outputs": {}, "metrics": []}}
                """
            try Files.write(report, to: directory.appending("reports").appending("20260101T000000Z.json"))
            try await body(home)
        }
    }

    /// What the program writes to a terminal of its own, less what the terminal adds and what takes the line of the progress back.
    private func onTerminal(_ home: PGKVMHome, _ arguments: String) async throws -> String {
        let command = "env -u NO_COLOR TERM=xterm PGKVM_HOME=\(home.path) \(PGKVMHome.program) \(arguments)"
        let result = try await ProgramRunner.run("script", ["--quiet", "--return", "--command", command, "/dev/null"])
        return result.outputText.replacing("\r\n", with: "\n").replacing("\r\u{1b}[K", with: "")
    }

    private func steers(_ text: String) -> Bool {
        text.unicodeScalars.contains {
            $0.value < 0x20 && $0 != "\n" && $0 != "\t" || (0x7f..<0xa0).contains($0.value) || (0x202a...0x202e).contains($0.value)
        }
    }

    @Test("A log is whole in a file, and steers no terminal")
    func logs() async throws {
        try await withAppliance { home in
            let file = try await home.run("logs", "orders", "--pgkvm")
            #expect(file.outputText.contains("before\t\(Self.hostile)\nafter\n"))
            let shown = try await onTerminal(home, "logs orders --pgkvm")
            #expect(shown.contains("before\t") && shown.contains(#"\u{1b}]0;NOAUTH\u{7}\u{9b}31m\u{202e}one\u{d}two"#))
            #expect(!steers(shown), "\(shown.unicodeScalars.map(\.value))")
        }
    }

    @Test("What is no UTF-8 reaches a file as it is, and only a terminal sees it replaced")
    func bytes() async throws {
        try await withAppliance { home in
            let line: [UInt8] = [0xff, 0x66, 0xc3, 0x28, 0x00, 0xed, 0xa0, 0x80, 0x0a]
            let log = home.appliance("orders").appending("pgkvm.log")
            try Files.write([UInt8](repeating: 0x61, count: 3) + [0x0a] + line, to: log)
            #expect(try await home.run("logs", "orders", "--pgkvm", "--lines", "1").standardOutput == line)
            #expect(try await !steers(onTerminal(home, "logs orders --pgkvm")))
        }
    }

    @Test("The error of a damaged report steers nothing, on a terminal and elsewhere")
    func damagedReport() async throws {
        // As JSON writes them.
        try await withAppliance(level: #"\u001b]0;x\u0007\u009b2J\u202e"#) { home in
            let result = try await home.run("report", "orders")
            #expect(result.status == 1)
            #expect(result.errorText.contains(#"\u{1b}]0;x"#), "\(result.errorText)")
            #expect(!steers(result.errorText))
            #expect(!steers(try await onTerminal(home, "report orders")))
        }
    }

    @Test(
        "A word of the command line that is repeated steers nothing",
        arguments: [["\u{1b}[2J"], ["logs", "\u{1b}[2J"], ["report", "orders", "--compare", "\u{9b}2J", "a"]])
    func repeatedWords(words: [String]) async throws {
        try await withAppliance { home in
            let result = try await home.run(words)
            #expect(result.status != 0)
            #expect(!result.errorText.isEmpty && !steers(result.errorText))
        }
    }

    @Test("What came as JSON goes as JSON, and events are what they were")
    func documents() async throws {
        try await withAppliance { home in
            let text = try await home.check("report", "orders", "--format", "json")
            #expect(text.contains("\"formatVersion\" : 2"))
            #expect(try await onTerminal(home, "report orders --format json").contains("\"formatVersion\" : 2"))
            #expect(try await onTerminal(home, "report orders").contains("\u{1b}[32mPASS\u{1b}[0m"))
        }
    }

    @Test("A report of figures that no machine has is shown", arguments: ["-1e300", "1e300", "9223372036854775808"])
    func figures(percent: String) async throws {
        let side = #"{"count": 5, "meanNanoseconds": 1e300, "points": [{"percent": \#(percent), "nanoseconds": -1e300}]}"#
        let latency = #"[{"check": "disk.x", "work": "w", "host": \#(side), "guest": \#(side), "rounds": 5}]"#
        try await withAppliance(latencies: latency) { home in
            for format in ["text", "html", "junit", "json"] {
                let result = try await home.run("report", "orders", "--format", format)
                #expect(result.status == 0, "\(format): \(result.errorText)")
            }
        }
    }

    @Test("No core dump and no other process of the user gets the program's memory, and it still finds its own files", .enabled(if: HostEnvironment.isRoot))
    func memory() async throws {
        let script = #"""
            mkdir "$1/own"
            cp "$2" "$1/own/pgkvm"
            chown -R 65534:65534 "$1/own"
            chmod 711 "$1"
            cd /
            set -- env HOME="$1/own" PGKVM_HOME="$1/own/state" "$1/own/pgkvm"
            as_nobody() { setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=-all "$@"; }
            # Not in a function, which would be a process of its own.
            setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=-all "$@" top --once --interval 600 >/dev/null 2>&1 &
            pid=$!
            for look in $(seq 300); do
                grep -Eq '^Max core file size +0 +0 ' "/proc/$pid/limits" && break
                sleep 0.1
            done
            grep '^Max core' "/proc/$pid/limits" | tr -s ' '
            echo "user $(awk '$1 == "Uid:" { print $2 }' "/proc/$pid/status"), files of $(stat -c %u "/proc/$pid/environ")"
            as_nobody head -c 1 "/proc/$pid/environ" >/dev/null 2>&1 && echo readable
            kill "$pid"
            wait "$pid"
            as_nobody "$@" spec example | head -n 1
            as_nobody "$@" list --format json
            """#
        try await PGKVMHome.with { home in
            let result = try await ProgramRunner.run("sh", ["-c", script, "sh", home.path.string, PGKVMHome.program.string])
            #expect(result.outputText.contains("Max core file size 0 0 bytes"), "\(result.outputText)\(result.errorText)")
            #expect(result.outputText.contains("user 65534, files of 0"), "\(result.outputText)")
            #expect(!result.outputText.contains("readable"))
            #expect(result.outputText.hasSuffix("[\n\n]\n") || result.outputText.hasSuffix("[]\n"), "\(result.outputText)\(result.errorText)")
        }
    }
}
