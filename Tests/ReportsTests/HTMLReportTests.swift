import ApplianceModel
import BuiltinTemplates
import FoundationEssentials
import HostSystem
import SystemPackage
import TestSupport
import Testing

@testable import Reports

@Suite("The HTML report")
struct HTMLReportTests {
    @Test("No value goes into the page unescaped, and the page asks for nothing")
    func template() throws {
        let template = try #require(BuiltinTemplates.text("report/report.html"))
        #expect(!template.contains("{{{"))
        #expect(!template.contains("{{&"))
        #expect(!template.contains("<script"))
        for word in ["http:", "https:", "//", "url(", "@import", "src="] { #expect(!template.contains(word), "'\(word)' would ask the network") }
    }

    @Test("Has verdict, findings with remedies, figures, chart, flags, settings, outputs and history")
    func whole() throws {
        let history = [SampleReport.whole(time: "2026-11-20T10:00:00Z", factor: 0.5), SampleReport.whole(time: "2026-11-21T10:00:00Z", failing: false)]
        let page = try HTMLReport.render(SampleReport.whole(), history: history)
        for text in [
            "<title>orders: 1 of 10 checks failed</title>", "22 November 2026, 22:50 UTC", "node &#39;data-file&#39; has cache.no-flush",
            "set cache.no-flush=off", "8 KiB write and fdatasync", "Inconclusive: the two halves", "1.21x", "142 µs", "Durable 8 KiB write, median",
            "<tr class=\"marked\"><td class=\"id\">monitor</td>", "0xfef8320b", "<td class=\"id\">fsync</td>", "postgresql.auto.conf:3", "open_datasync",
            "21 Nov 2026, 10:00", "Nothing failed, 2 warnings, 1 left out", "<polyline points=\"",
        ] { #expect(page.contains(text), "the page lacks '\(text)'") }
        #expect(!page.contains("{{"))
        #expect(!page.contains("emulated"))
        #expect(page.components(separatedBy: "<svg class=\"wide\"").count == 3)
    }

    @Test("A report of nothing but findings is a page too, without empty sections")
    func small() throws {
        let page = try HTMLReport.render(SampleReport.report([Finding(check: "cpu.aes", level: .pass, measured: "a", expected: "b")]))
        for text in ["<h2>Latency", "<h2>Figures", "<h2>Settings", "<h2>Processor", "<h2>History", "<h2>To look at"] { #expect(!page.contains(text)) }
        #expect(page.contains("<h1>1 check passed</h1>"))
        #expect(try HTMLReport.render(SampleReport.report([])).contains("Nothing was checked"))
    }

    @Test("Hostile texts stay texts")
    func hostile() throws {
        let page = try HTMLReport.render(SampleReport.hostileReport, history: [SampleReport.hostileReport])
        // Tags are counted as they would be in the same page with harmless texts.
        #expect(!page.contains("<script"))
        #expect(!page.contains("<img"))
        #expect(!page.unicodeScalars.contains { $0.value < 0x20 && $0 != "\n" && $0 != "\t" || (0x7f..<0xa0).contains($0.value) || $0.value == 0x202e })
        #expect(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;"))
        #expect(page.contains("{{{appliance}}} {{&gt; x}}"))
        #expect(page.contains("&amp;lt;b&amp;gt; &amp;amp;"))
        #expect(page.contains("🐘 größe é e\u{301} 漢字"))
    }

    @Test("A strict parser sees the elements and attributes of the template in a hostile page, and no others")
    func parsed() async throws {
        let directory = try Files.createTemporaryDirectory(in: "/tmp", prefix: "pgkvm-html")
        defer { try? Files.remove(directory) }
        try Files.write(try HTMLReport.render(SampleReport.whole(), history: [SampleReport.whole()]), to: directory.appending("good.html"))
        try Files.write(
            try HTMLReport.render(SampleReport.hostileReport, history: [SampleReport.hostileReport]), to: directory.appending("hostile.html"))
        let program = """
            import sys
            from html.parser import HTMLParser
            void = {"meta", "link", "br"}
            class Names(HTMLParser):
                def __init__(self):
                    super().__init__()
                    self.names, self.open = set(), []
                def handle_starttag(self, tag, attributes):
                    self.names |= {tag} | {tag + "." + name for name, _ in attributes}
                    if tag not in void: self.open.append(tag)
                def handle_startendtag(self, tag, attributes):
                    self.names |= {tag} | {tag + "." + name for name, _ in attributes}
                def handle_endtag(self, tag):
                    assert self.open and self.open.pop() == tag, (tag, self.getpos())
            def names(path):
                parser = Names()
                parser.feed(open(path, encoding="utf-8").read())
                parser.close()
                assert not parser.open, parser.open
                return parser.names
            print(sorted(names(sys.argv[2]) - names(sys.argv[1])))
            """
        let result = try await ProgramRunner.check(
            "python3", ["-c", program, "\(directory.appending("good.html"))", "\(directory.appending("hostile.html"))"])
        #expect(result.outputText == "[]\n")
    }

    @Test(
        "A browser shows the page without a script, without the network and without a scroll bar at the width of a phone", .fullRun,
        .enabled("needs chromium: apt-get install chromium") { ProgramRunner.lookUp("chromium") != nil })
    func browser() async throws {
        let directory = try Files.createTemporaryDirectory(in: "/tmp", prefix: "pgkvm-browser")
        defer { try? Files.remove(directory) }
        try Files.write(try HTMLReport.render(SampleReport.whole(), history: [SampleReport.whole(factor: 0.7)]), to: directory.appending("report.html"))
        // A page around it measures it; the report itself holds no script.
        let frame = """
            <!DOCTYPE html><title>x</title><iframe id="f" src="report.html" style="width:390px;height:800px;border:0"></iframe><script>
            document.getElementById("f").onload = () => { const d = document.getElementById("f").contentDocument.documentElement;
            document.title = "width " + d.scrollWidth + ", curves " + d.querySelectorAll("path.curve").length; };</script>
            """
        try Files.write(frame, to: directory.appending("frame.html"))
        let result = try await ProgramRunner.check(
            "chromium",
            [
                "--headless", "--hide-scrollbars", "--no-sandbox", "--disable-gpu", "--allow-file-access-from-files",
                "--user-data-dir=\(directory.appending("profile"))",
                "--host-resolver-rules=MAP * ~NOTFOUND", "--virtual-time-budget=5000", "--dump-dom", "file://\(directory.appending("frame.html"))",
            ])
        #expect(result.outputText.contains("<title>width 390, curves 6</title>"))
    }
}
