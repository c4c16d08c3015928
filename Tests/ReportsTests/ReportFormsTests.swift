import ApplianceModel
import Basics
import FoundationEssentials
import HostSystem
import SystemPackage
import Testing

@testable import Reports

@Suite("The forms of a report")
struct ReportFormsTests {
    private static let schema = FilePath(#filePath).removingLastComponent().removingLastComponent().removingLastComponent()
        .appending("docs/report.schema.json")

    @Test("Text, JSON, JUnit and HTML tell of the same findings at the same levels, and so does the verdict that the exit status is made from")
    func agree() async throws {
        let report = SampleReport.whole()
        let wanted = Dictionary(uniqueKeysWithValues: report.findings.map { ($0.check, $0.level.rawValue) })
        #expect(!report.findings.allPassed)

        let rows = TextReport.findings(report.findings).matches(of: #/(?m)^(PASS|SKIP|WARN|FAIL)  (\S+) /#)
        #expect(Dictionary(uniqueKeysWithValues: rows.map { (String($0.2), $0.1.lowercased()) }) == wanted)

        let decoded = try JSONDecoder().decode(Report.self, from: Data(try JSONReport.render(report).utf8))
        #expect(decoded == report)

        let page = try HTMLReport.render(report)
        let cards = page.matches(of: #/<div class="finding" id="[^"]*">\s*<div><span class="badge (\w+)">\w+</span></div>\s*<div class="id">([^<]+)</#)
        #expect(Dictionary(uniqueKeysWithValues: cards.map { (String($0.2), String($0.1)) }) == wanted)

        let cases = try await Self.junit(report)
        #expect(Dictionary(uniqueKeysWithValues: cases.map { ($0.name, $0.level) }) == wanted)
        for (finding, read) in zip(report.findings, report.findings.compactMap { finding in cases.first { $0.name == finding.check } }) {
            #expect(finding.level == .pass || read.text.contains(finding.measured))
            #expect(finding.remedy.map(read.text.contains) ?? true)
        }
        #expect(TextReport.render(report).contains("1 of 10 checks failed"))
        #expect(page.contains("<h1>1 of 10 checks failed</h1>"))
    }

    struct TestCase: Decodable {
        let name: String
        let level: String
        let text: String
    }

    /// What a reader of XML sees of the JUnit form; its counts are held against its cases.
    private static func junit(_ report: Report) async throws -> [TestCase] {
        let program = """
            import json, sys
            import xml.etree.ElementTree as tree
            root = tree.fromstring(sys.stdin.buffer.read())
            cases = []
            def counts(element):
                found = [case for case in element.iter("testcase")]
                numbers = len(found), sum(c.find("failure") is not None for c in found), sum(c.find("skipped") is not None for c in found)
                assert numbers == tuple(int(element.get(n)) for n in ("tests", "failures", "skipped")), numbers
            counts(root)
            for suite in root:
                counts(suite)
                for case in suite:
                    kinds = [child.tag for child in case]
                    level = {(): "pass", ("skipped",): "skip", ("system-out",): "warn", ("failure",): "fail"}[tuple(kinds)]
                    text = "".join(" ".join([child.get("message") or "", child.text or ""]) for child in case)
                    cases.append({"name": case.get("name"), "level": level, "text": text})
            print(json.dumps(cases))
            """
        let result = try await ProgramRunner.check("python3", ["-c", program], input: Array(JUnitReport.render(report).utf8))
        return try JSONDecoder().decode([TestCase].self, from: Data(result.standardOutput))
    }

    @Test("JUnit is XML whatever the texts are, and gives back all of them that XML can hold")
    func hostileJUnit() async throws {
        let cases = try await Self.junit(SampleReport.hostileReport)
        #expect(cases.count == SampleReport.hostile.count)
        #expect(cases.contains { $0.name == "group.<script>alert(1)</script>" })
        #expect(cases.contains { $0.name == "group.line\nline\r\ttab" })
        #expect(cases.contains { $0.name == "group.a\u{fffd}b\u{fffd}[31mred\u{fffd}" })
        #expect(cases.contains { $0.name == "group.\u{fffd}\u{fffd}\u{fffd}" })
    }

    @Test("JSON keeps to docs/report.schema.json, and the schema refuses what is none", arguments: [true, false])
    func schema(isWhole: Bool) async throws {
        let report = isWhole ? SampleReport.whole() : SampleReport.report([])
        let text = try JSONReport.render(report)
        #expect(try await Self.validate(text) == "")
        for (old, new) in [
            ("\"depth\" : \"standard\"", "\"depth\" : \"deep\""), ("\"formatVersion\" : 2", "\"formatVersion\" : 3"), ("\"metrics\"", "\"metrix\""),
            ("\"time\" : \"2026-11-22T22:50:25Z\"", "\"time\" : \"yesterday\""),
        ] {
            try #require(text.contains(old))
            #expect(try await Self.validate(text.replacing(old, with: new)) != "", "\(new) was taken")
        }
    }

    /// What a validator says against a document; nothing when it is valid.
    private static func validate(_ text: String) async throws -> String {
        let program = """
            import json, sys, jsonschema
            schema = json.load(open(sys.argv[1]))
            jsonschema.Draft202012Validator.check_schema(schema)
            print("\\n".join(error.message for error in jsonschema.Draft202012Validator(schema).iter_errors(json.load(sys.stdin))))
            """
        let result = try await ProgramRunner.check("python3", ["-c", program, "\(schema)"], input: Array(text.utf8))
        return String(result.outputText.reversed().drop { $0.isNewline }.reversed())
    }

    @Test("A report of the first format, without depth and figures, is still read")
    func firstFormat() throws {
        let text = """
            {"formatVersion": 1, "appliance": "a", "time": "2026-01-01T00:00:00Z", "accelerator": "tcg",
             "findings": [{"check": "cpu.aes", "level": "pass", "measured": "m", "expected": "e"}]}
            """
        let report = try JSONDecoder().decode(Report.self, from: Data(text.utf8))
        #expect(report.depth == .quick)
        #expect(TextReport.render(report).contains("PASS  cpu.aes  m"))
        #expect(try HTMLReport.render(report).contains("1 check passed"))
    }

    @Test("What is no number is kept out of the measurements: it could not be stored")
    func finite() throws {
        var measurements = SampleReport.whole().measurements
        measurements.metrics.append(Metric("cpu.aes-speed.guest-gain", .nan, .ratio, better: .higher))
        measurements.latencies.append(
            LatencyComparison(
                check: "disk.x", work: "x", host: nil, guest: .init(count: 0, meanNanoseconds: .nan, points: []), ratio: nil, rounds: 0, inconclusive: nil))
        measurements.keepFinite()
        #expect(measurements == SampleReport.whole().measurements)
    }
}
