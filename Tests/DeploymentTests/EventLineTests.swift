import ApplianceModel
import Basics
import FoundationEssentials
import HostSystem
import SystemPackage
import TestSupport
import Testing
import Workflow

@testable import Deployment

@Suite("Events as lines")
struct EventLineTests {
    private struct Odd: Error, CustomStringConvertible { let description = "odd" }

    private static let step = StepSummary(
        id: StepID(rawValue: "boot-guest"), title: "Boot the guest", position: 7, count: 11, explanation: StepExplanation(what: "boots", why: "must"))
    private static let failure = Failure(.applianceBusy, "it went wrong", remedy: "wait", cause: Odd())

    /// Every kind of line, each with everything that it can have.
    private static let lines: [EventLine] =
        [
            WorkflowEvent.runStarted(steps: [step]), .stepStarted(step), .stepSatisfied(step, reason: "it runs"), .stepSkipped(step),
            .stepProgress(step.id, ProgressMessage("downloaded", bytes: 3, of: 6)), .stepFinished(step, duration: .milliseconds(1234)),
            .stepFailed(step, error: failure), .stepCancelled(step), .stepReverting(step), .stepReverted(step),
            .stepRevertFailed(step, error: failure), .warning("look at it"),
            .runFinished(RunOutcome(result: .completed, changed: true)),
        ].map { EventLine($0) } + [
            EventLine(.note, "left behind"), EventLine(log: "qemu-img", level: "info"), EventLine(error: failure, at: step.id), .interrupted(at: step.id),
        ]

    /// The table in docs/internals.md: the members of each event.
    private static func documented() throws -> [String: Set<String>] {
        let root = FilePath(#filePath).removingLastComponent().removingLastComponent().removingLastComponent()
        let text = try Files.readText(root.appending("docs").appending("internals.md"))
        let section = try #require(text.split(separator: "\n## Progress as JSON\n").last?.split(separator: "\n## ").first)
        var members: [String: Set<String>] = [:]
        for row in section.split(separator: "\n") where row.hasPrefix("| `") {
            let cells = row.split(separator: "|").map { $0.matches(of: #/`([A-Za-z]+)`/#).map { String($0.1) } }
            for event in try #require(cells.first) { members[event] = Set(cells.dropFirst().joined()) }
        }
        return members
    }

    @Test("Each line is one JSON object whose members are those that the documentation lists for its event")
    func documentedForm() throws {
        let documented = try Self.documented()
        var seen: Set<String> = []
        for line in Self.lines {
            #expect(!line.text.contains("\n"))
            let value = try JSONDecoder().decode(JSONValue.self, from: Data(line.text.utf8))
            guard case .object(let members) = value, case .string(let event)? = members["event"], case .string(let time)? = members["time"] else {
                Issue.record("\(line.text)")
                continue
            }
            #expect(time.wholeMatch(of: #/[0-9-]{10}T[0-9:]{8}\.[0-9]{3}Z/#) != nil)
            #expect(Set(members.keys).subtracting(["event", "time"]) == documented[event], "\(line.text)")
            seen.insert(event)
        }
        #expect(seen == Set(documented.keys))
    }

    @Test("Figures, names and the whole chain of an error are in the line")
    func contents() {
        let texts = Self.lines.map(\.text)
        func expect(_ part: String, sourceLocation: SourceLocation = #_sourceLocation) {
            #expect(texts.contains { $0.contains(part) }, "\(part) is in none of\n\(texts.joined(separator: "\n"))", sourceLocation: sourceLocation)
        }
        expect(#""bytes":3,"event":"stepProgress","message":"downloaded","step":"boot-guest""#)
        expect(#""totalBytes":6"#)
        expect(#""count":11,"durationMilliseconds":1234,"event":"stepFinished","position":7,"step":"boot-guest""#)
        expect(#""error":{"causes":["odd"],"code":"appliance.busy","message":"it went wrong","remedies":["wait"]},"event":"stepFailed""#)
        expect(#""steps":[{"step":"boot-guest","title":"Boot the guest"}]"#)
        expect(#""changed":true,"event":"runFinished","result":"completed","reverted":false"#)
    }

    @Test("Each event has a line in the debug log")
    func records() {
        #expect(EventRecord(.stepFailed(Self.step, error: Self.failure)).level == .error)
        #expect(EventRecord(.stepFailed(Self.step, error: Self.failure)).text.contains("error[appliance.busy]: it went wrong"))
        #expect(EventRecord(.stepProgress(Self.step.id, ProgressMessage("guest: hello"))).level == .debug)
        #expect(EventRecord(.stepStarted(Self.step)).text == "step boot-guest begins")
    }
}
