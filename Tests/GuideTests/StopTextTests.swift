import ApplianceModel
import MachineBackend
import Synchronization
import Terminal
import TestSupport
import Testing
import Verification

@testable import Guide

@Suite("What the guide shows")
struct StopTextTests {
    private func render(_ stop: any Stop, _ situation: Situation, columns: Int = 80, isPlain: Bool = false) -> String {
        GuideText.render(Walk.blocks(stop, situation, isPlain), style: TextStyle(columns: columns), isPlain: isPlain)
    }

    private func widest(_ text: String) -> Int { text.split(separator: "\n").map(\.count).max() ?? 0 }

    @Test("The stops are as committed, at 80 columns and for a screen reader", arguments: Walk.stops.map(\.id))
    func golden(id: StopID) async throws {
        try await GuideScratch.with { scratch in
            let situation = try await scratch.situation(ApplianceSpec(name: scratch.name()))
            let stop = try #require(Walk.stops.first { $0.id == id })
            try Golden.expect(render(stop, situation) + "\n", "Guide/stop-\(id.rawValue).txt")
            if id == .disk { try Golden.expect(render(stop, situation, isPlain: true) + "\n", "Guide/stop-disk-plain.txt") }
        }
    }

    @Test(
        "No line is longer than the terminal is wide, whatever its width; at 80 columns a stop with its question fits 24 lines", arguments: [40, 60, 80, 132])
    func widths(columns: Int) async throws {
        try await GuideScratch.with { scratch in
            let situation = try await scratch.situation(ApplianceSpec(name: scratch.name()))
            for stop in Walk.stops {
                for isPlain in [false, true] {
                    let text = render(stop, situation, columns: columns, isPlain: isPlain)
                    #expect(widest(text) <= min(columns, 100), "\(text)")
                    // The keys take two lines, hint and prompt one or two each.
                    if columns == 80, !isPlain { #expect(text.split(separator: "\n", omittingEmptySubsequences: false).count <= 19, "\(stop.id)") }
                }
                #expect(!stop.questions(situation).contains { $0.hint.isEmpty || $0.present.isEmpty })
                #expect(!stop.text(situation).why.isEmpty && !stop.text(situation).recommended.isEmpty && !stop.text(situation).alternatives.isEmpty)
            }
            let review = GuideText.render(Review.blocks(situation), style: TextStyle(columns: columns), isPlain: false)
            #expect(widest(review) <= min(columns, 100), "\(review)")
        }
    }

    @Test("Everything that somebody meets is ASCII and has no escape sequence without colour")
    func ascii() async throws {
        try await GuideScratch.with { scratch in
            let (_, terminal) = try await scratch.guide(Script.all + [("Begin", "?")] + Script.stop, isPlain: true)
            let odd = terminal.transcript.unicodeScalars.filter { !$0.isASCII || $0.value < 0x20 && $0 != "\n" }
            #expect(odd.isEmpty, "\(odd)")
            // Commands and paths are there to be copied as they are.
            let prose = terminal.lines.filter { $0.count > 80 && !$0.contains("/") }
            #expect(prose == [])
        }
    }

    @Test("Under emulation the stops say so")
    func emulation() async throws {
        try await GuideScratch.with { scratch in
            let situation = try await scratch.situation(ApplianceSpec(name: scratch.name()))
            #expect(render(HostStop(), situation).contains("as a trial"))
            #expect(render(CPUStop(), situation).contains("emulated"))
            scratch.backend.forecast.withLock {
                $0 = HostForecast(accelerator: .kvm, findings: [], resources: $0.resources, disk: $0.disk, ports: $0.ports)
            }
            let hardware = try await scratch.situation(ApplianceSpec(name: scratch.name()))
            #expect(!render(HostStop(), hardware).contains("trial, or"))
            #expect(!render(CPUStop(), hardware).contains("emulated (-cpu max)"))
        }
    }

    @Test("A text that is longer than the window waits after each part, and its rest can be left out")
    func pages() async throws {
        let text = (1...60).map { "line \($0)" }.joined(separator: "\n")
        let terminal = ScriptedTerminal([("-- 38 more lines", ""), ("-- 16 more lines", "s")], rows: 24)
        try await Conversation(terminal: terminal).page(text)
        #expect(terminal.transcript.contains("line 44") && !terminal.transcript.contains("line 45"))
        let plain = ScriptedTerminal([], rows: nil)
        try await Conversation(terminal: plain).page(text)
        #expect(plain.transcript == text)
    }

    @Test("A word that is longer than a line is broken, and nothing is lost")
    func longWords() {
        let word = String(repeating: "x", count: 100)
        let lines = GuideText.wrap("see \(word) there", 30, first: "- ", rest: "  ")
        #expect(lines.allSatisfy { $0.count <= 30 })
        #expect(lines.joined().filter { $0 == "x" }.count == 100)
        #expect(lines.last?.hasSuffix("there") == true)
    }
}
