import FoundationEssentials
import HostSystem
import SystemPackage
import TestSupport
import Testing

/// `report`, and the options of `verify`, at the command line; no guest is needed for either.
@Suite("Reports at the command line")
struct ReportCommandTests {
    /// An appliance of which there is only a spec and, for each level, a report whose one finding has it.
    private func withReports(_ levels: [String], _ body: (PGKVMHome) async throws -> Void) async throws {
        try await PGKVMHome.with { home in
            let reports = home.appliance("orders").appending("reports")
            try Files.createDirectory(reports)
            try Files.write("formatVersion: 1\nname: orders\n", to: home.appliance("orders").appending("spec.yaml"))
            for (index, level) in levels.enumerated() {
                let text = """
                    {"formatVersion": 2, "appliance": "orders", "time": "2026-01-0\(index + 1)T00:00:00Z", "accelerator": "kvm", "depth": "standard",
                     "findings": [{"check": "cpu.aes", "level": "\(level)", "measured": "look \(index)", "expected": "it", "remedy": "mend it"}],
                     "measurements": {"latencies": [], "settings": [], "outputs": {}, "metrics":
                       [{"id": "disk.write-latency.p50", "value": \((index + 1) * 1000), "unit": "nanoseconds", "better": "lower"}]}}
                    """
                try Files.write(text, to: reports.appending("2026010\(index + 1)T000000Z.json"))
            }
            try await body(home)
        }
    }

    @Test("The last report, those before it and what has changed are shown; exit status 0 whatever it says")
    func latest() async throws {
        try await withReports(["pass", "pass", "fail"]) { home in
            let text = try await home.check("report", "orders")
            for part in [
                "orders: 1 of 1 check failed", "FAIL  cpu.aes  look 2", "try: mend it", "disk.write-latency.p50  3 µs", "20260101T000000Z  PASS  KVM",
                "20260103T000000Z  FAIL  KVM", "cpu.aes  PASS → FAIL  look 2",
            ] { #expect(text.contains(part), "'\(part)' is not in:\n\(text)") }
            #expect(!text.contains("\u{1b}"))
            #expect(try await home.check("report", "orders", "--html").hasPrefix("<!DOCTYPE html>"))
            #expect(try await home.check("report", "orders", "--format", "junit").contains("<failure "))
            #expect(try await home.check("report", "orders", "--format", "json").contains("\"formatVersion\" : 2"))
        }
    }

    @Test("On a terminal the levels are coloured, unless the user wants no colours", arguments: [("", true), ("NO_COLOR=1", false), ("TERM=dumb", false)])
    func terminal(variable: String, isColoured: Bool) async throws {
        try await withReports(["pass"]) { home in
            let command = "env -u NO_COLOR TERM=xterm PGKVM_HOME=\(home.path) \(variable) \(PGKVMHome.program) report orders"
            let text = try await ProgramRunner.check("script", ["--quiet", "--return", "--command", command, "/dev/null"]).outputText
            #expect(text.contains("\u{1b}[32mPASS\u{1b}[0m  cpu.aes") == isColoured)
            #expect(text.contains("PASS  cpu.aes") == !isColoured)
        }
    }

    @Test("Two reports are compared by name, by word or by file, and the list names them")
    func compared() async throws {
        try await withReports(["pass", "warn", "fail"]) { home in
            let text = try await home.check("report", "orders", "--compare", "20260101T000000Z", "latest")
            #expect(text.contains("cpu.aes  PASS → FAIL  look 2"))
            #expect(text.contains("3.00x  worse"))
            let file = "\(home.appliance("orders").appending("reports/20260103T000000Z.json"))"
            struct Change: Decodable { let before: String, after: String }
            let back = try JSONDecoder().decode(
                Change.self, from: Data(try await home.check("report", "orders", "--format", "json", "--compare", file, "previous").utf8))
            #expect([back.before, back.after] == ["2026-01-03T00:00:00Z", "2026-01-02T00:00:00Z"])
            struct Line: Decodable { let name: String, failed: Int? }
            try Files.write("{", to: home.appliance("orders").appending("reports/20260104T000000Z.json"))
            let lines = try JSONDecoder().decode([Line].self, from: Data(try await home.check("report", "orders", "--list", "--format", "json").utf8))
            #expect(lines.map(\.failed) == [0, 0, 1, nil])
            #expect(try await home.check("report", "orders", "--list").contains("20260104T000000Z  cannot be read"))
            #expect(try await home.run("report", "orders").status == 1)
        }
    }

    @Test("What there is not is said")
    func missing() async throws {
        try await withReports([]) { home in
            let none = try await home.run("report", "orders")
            #expect(none.status == 1)
            #expect(none.errorText.contains("error[report.missing]"))
            #expect(none.errorText.contains("try: pgkvm verify orders"))
            #expect(try await home.run("report", "orders", "--compare", "latest", "previous").status == 1)
            #expect(try await home.check("report", "orders", "--list").isEmpty)
        }
    }

    @Test(
        "Options that make no sense are wrong usage, with what was probably meant",
        arguments: [
            (["verify", "--only", "cpu,dsk"], "did you mean 'disk'?"),
            (["verify", "--limit", "disk.write-latncy.p99=5ms"], "did you mean 'disk.write-latency.p99'?"),
            (["verify", "--limit", "disk.write-latency.p99=5"], "write 250us, 5ms or 1s"), (["verify", "--limit", "5ms"], "write METRIC=VALUE"),
            (["verify", "--limit", "disk.write-latency.p99=5ms", "--limit", "disk.write-latency.p99=6ms"], "more than one --limit"),
            (["verify", "--quick", "--full"], "--full"), (["verify", "--quick", "--rounds", "3"], "--quick measures nothing"),
            (["verify", "--quick", "--kill-machine"], "--quick measures nothing"), (["verify", "--rounds", "0"], "--rounds takes 1 to 1000"),
            (["verify", "--format", "yaml"], "yaml"), (["report", "--compare", "latest"], "--compare takes two reports"),
            (["report", "--html", "--format", "json"], "contradict"), (["report", "--list", "--format", "junit"], "has the forms text and json"),
        ] as [([String], String)])
    func usage(arguments: [String], message: String) async throws {
        try await PGKVMHome.with { home in
            let result = try await home.run([arguments[0], "orders"] + arguments.dropFirst())
            #expect(result.status == 64)
            #expect(result.errorText.contains(message), "\(result.errorText)")
        }
    }

    @Test("A baseline that is none is refused before anything is measured")
    func baseline() async throws {
        try await withReports([]) { home in
            try Files.write("[]", to: home.path.appending("b.json"))
            for file in ["b.json", "none.json"] {
                let result = try await home.run("verify", "orders", "--baseline", "\(home.path.appending(file))")
                #expect(result.status == 1)
                #expect(result.errorText.contains("error[file.unreadable]"))
            }
        }
    }
}
