internal import ApplianceModel
internal import Basics
internal import CLibPQ

/// Tests, without a password, whether a PostgreSQL server answers at an address.
package enum PostgresPing {
    /// libpq's interpretation of the reply.
    package enum Answer: String, Sendable {
        /// The server accepts connections; it may still refuse some clients.
        case accepting
        /// The server does not accept connections for now: it is starting, shutting down, or recovering.
        case starting
        /// No server answered in time, or the reply did not come from PostgreSQL.
        case silent
    }

    /// Asks once. The server is not verified: the answer shows that there is a server, but not which one.
    /// - Parameters:
    ///   - address: an IPv4 address; nothing is looked up.
    ///   - role: the role to ask as, in the database with the same name. If `pg_hba.conf` requires a password for it, the server's log gets no line.
    ///   - seconds: the time limit for the answer. libpq before 17 waits at least 2.
    /// - Throws: `input.invalid` for anything but an address, and for a role with a NUL.
    package static func ask(address: String, port: UInt16, role: String, within seconds: Int) async throws -> Answer {
        // libpq takes an empty address as the socket of a server on this host, and several addresses as alternatives.
        guard IPv4Address(address) != nil else { throw Failure(.invalidInput, "'\(address)' is not an IPv4 address") }
        var parameters = PostgresParameters(
            host: address, hostAddress: address, port: port, database: role, user: role, sslMode: .require, channelBinding: .prefer)
        parameters.requiresSCRAM = false
        // If a keyword occurs twice, libpq uses the last one. With or without TLS: no secret is sent.
        let pairs = parameters.keywords(libraryVersion: PQlibVersion()) + [("sslmode", "prefer"), ("connect_timeout", String(max(1, seconds)))]
        return try await Pinger().ask(pairs)
    }

    /// A queue for one call: libpq waits inside the call.
    private actor Pinger {
        private let executor = BlockingExecutor()

        nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe executor.asUnownedSerialExecutor() }

        func ask(_ pairs: [(keyword: String, value: String)]) throws -> Answer {
            switch try PostgresHandle.ping(pairs) {
            case PQPING_OK: .accepting
            case PQPING_REJECT: .starting
            case PQPING_NO_RESPONSE: .silent
            case let other: throw Failure(.postgresConnectionFailed, "libpq did not ask for a server (PQping \(other.rawValue))")
            }
        }
    }
}
