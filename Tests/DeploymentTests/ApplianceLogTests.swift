import ApplianceModel
import Basics
import Testing

@testable import Deployment

@Suite("Logs of an appliance")
struct ApplianceLogTests {
    @Test("A console log that lies elsewhere, or is not for this user, is not shown as an empty one")
    func elsewhere() async throws {
        try await Scratch.with { scratch in
            _ = try await scratch.withMachine()
            let appliance = try Appliance.open("db", in: scratch.environment)
            let error = await #expect(throws: Failure.self) { _ = try await appliance.log(.serial, lines: 3) }
            #expect(error?.code == .unsupported)
            #expect(error?.remedy?.contains("pgkvm console db") == true)
        }
    }
}
