import ApplianceModel
import Basics
import SecureShell
import TestSupport
import Testing

@testable import Deployment

@Suite("Waiting for cloud-init")
struct CloudInitWaitTests {
    private func answer(_ status: Int32, _ text: String = "") -> Result<ShellResult, any Error> {
        .success(ShellResult(status: status, standardOutput: Array(text.utf8), standardError: []))
    }

    @Test("A guest whose cloud-init takes long is asked again, and each answer is a sign of life")
    func long() async throws {
        let signs = SignsOfLife()
        let shell = ScriptedShell(["sudo -n sh": [answer(75), answer(75), answer(75), answer(0)]])
        let before = signs.last
        try await CloudInitWait(signs: signs).untilDone(shell)
        #expect(shell.commands.count == 4)
        #expect(signs.last > before)
    }

    @Test("One that never ends is given up, with the way on")
    func endless() async throws {
        let shell = ScriptedShell(["sudo -n sh": [answer(75)]])
        let error = await #expect(throws: Failure.self) { try await CloudInitWait(signs: SignsOfLife(), limit: .zero).untilDone(shell) }
        #expect(error?.code == .cloudInitFailed)
        #expect(error?.remedy != nil)
    }

    @Test("Recoverable errors are no failure; every other status is one, with what cloud-init says")
    func statuses() async throws {
        try await CloudInitWait(signs: SignsOfLife()).untilDone(ScriptedShell(["sudo -n sh": [answer(2, "status: done")]]))
        for status in [Int32(1), 127] {
            let shell = ScriptedShell(["sudo -n sh": [answer(status, "status: error")]])
            let error = await #expect(throws: Failure.self) { try await CloudInitWait(signs: SignsOfLife()).untilDone(shell) }
            #expect(error?.code == .cloudInitFailed)
            #expect(error?.message.contains("status: error") == true)
        }
    }
}
