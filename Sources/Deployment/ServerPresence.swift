internal import ApplianceModel
internal import MachineBackend
internal import PostgresClient
internal import PostgresServer

/// Whether PostgreSQL answers while its machine runs. This proves only that something answers.
enum ServerPresence {
    /// How long a server may take, in seconds. libpq does not wait less.
    private static let patience = 2

    /// - Returns: `accepting`, `starting` or `silent`.
    static func word(at endpoint: Endpoint) async -> String {
        let answer = try? await PostgresPing.ask(address: endpoint.host, port: endpoint.port, role: DatabaseSetup.ownName, within: patience)
        return (answer ?? .silent).rawValue
    }
}
