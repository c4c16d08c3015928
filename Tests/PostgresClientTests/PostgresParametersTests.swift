import ApplianceModel
import Basics
import Testing

@testable import PostgresClient

@Suite("Parameters of a connection")
struct PostgresParametersTests {
    private static func keywords(_ change: (inout PostgresParameters) -> Void = { _ in }, library: Int32 = 170_000) -> [String: String] {
        var parameters = PostgresParameters(host: "orders", database: "app", user: "app", password: Secret("x"))
        change(&parameters)
        return Dictionary(uniqueKeysWithValues: parameters.keywords(libraryVersion: library).map { ($0.keyword, $0.value) })
    }

    @Test("SCRAM is demanded of the server wherever libpq can, unless an attempt is meant to find an open door")
    func scram() {
        #expect(Self.keywords()["require_auth"] == "scram-sha-256")
        #expect(Self.keywords(library: 150_000)["require_auth"] == nil)
        #expect(Self.keywords({ $0.requiresSCRAM = false })["require_auth"] == nil)
        #expect(Self.keywords({ $0.password = nil })["require_auth"] == nil)
    }

    @Test("A replication connection is one only when it is asked for")
    func replication() {
        #expect(Self.keywords()["replication"] == nil)
        #expect(Self.keywords({ $0.isReplication = true })["replication"] == "true")
    }
}
