import Testing
import Workflow

@Suite("Work that is no scenario")
struct ActivityTests {
    private struct Odd: Error {}

    @Test("It is told as a step is: its beginning, what it says with its bytes, its end; and its value comes back")
    func told() async throws {
        let sink = RecordingSink()
        let value = try await sink.activity("stop", "Stop it", position: 1, of: 2) {
            StepProgress.report("half way", bytes: 3, of: 6)
            await Task { StepProgress.report("from a task") }.value
            return 7
        }
        #expect(value == 7)
        #expect(sink.lines.prefix(3) == ["1/2 stop started", "stop says half way", "stop says from a task"])
        #expect(sink.lines.count == 4 && sink.lines[3].hasPrefix("stop finished after"))
        let messages = sink.events.compactMap { if case .stepProgress(_, let message) = $0 { message } else { nil } }
        #expect(messages.first == ProgressMessage("half way", bytes: 3, of: 6))
        // Nobody listens any more.
        StepProgress.report("afterwards")
        #expect(sink.lines.count == 4)
    }

    @Test("What it throws is told and thrown")
    func fails() async {
        let sink = RecordingSink()
        await #expect(throws: Odd.self) { try await sink.activity("stop", "Stop it") { throw Odd() } }
        #expect(sink.lines == ["1/1 stop started", "stop failed: Odd()"])
    }

    @Test("An interruption is told as one")
    func cancelled() async {
        let sink = RecordingSink()
        let work = Task {
            try await sink.activity("stop", "Stop it") {
                withUnsafeCurrentTask { $0?.cancel() }
                try Task.checkCancellation()
            }
        }
        await #expect(throws: CancellationError.self) { try await work.value }
        #expect(sink.lines == ["1/1 stop started", "stop cancelled"])
    }
}
