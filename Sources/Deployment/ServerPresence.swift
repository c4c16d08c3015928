internal import ApplianceModel
internal import MachineBackend
internal import PostgresClient
internal import PostgresServer

/// Whether PostgreSQL answers where its machine runs. Nothing is proven about it but that it is there.
enum ServerPresence {
    /// How long a server may take, in seconds. libpq waits no less.
    private static let patience = 2

    /// - Returns: `accepting`, `starting` or `silent`.
    static func word(at endpoint: Endpoint) async -> String {
        let answer = try? await PostgresPing.ask(address: endpoint.host, port: endpoint.port, role: DatabaseSetup.ownName, within: patience)
        return (answer ?? .silent).rawValue
    }
}
