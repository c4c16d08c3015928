internal import ApplianceModel
internal import Basics
internal import CLibPQ

/// Whether a PostgreSQL server answers at an address, asked without a password.
package enum PostgresPing {
    /// libpq's judgement of what came back.
    package enum Answer: String, Sendable {
        /// A server that takes connections; it may still refuse this or that client.
        case accepting
        /// A server that takes none for now: it is starting, shutting down, or recovering.
        case starting
        /// No server answered within the time, or what answered is not PostgreSQL.
        case silent
    }

    /// Asks once. Nothing of the server is verified: the answer says that one is there, not which.
    /// - Parameters:
    ///   - address: an IPv4 address; nothing is looked up.
    ///   - role: as whom, in the database of the same name. One that `pg_hba.conf` asks for a password leaves no line in the server's log.
    ///   - seconds: how long the answer may take. libpq before 17 waits at least 2.
    /// - Throws: `input.invalid` for anything but an address, and for a role with a NUL.
    package static func ask(address: String, port: UInt16, role: String, within seconds: Int) async throws -> Answer {
        // libpq takes an empty address for the socket of a server on this host, and several for a choice.
        guard IPv4Address(address) != nil else { throw Failure(.invalidInput, "'\(address)' is not an IPv4 address") }
        var parameters = PostgresParameters(
            host: address, hostAddress: address, port: port, database: role, user: role, sslMode: .require, channelBinding: .prefer)
        parameters.requiresSCRAM = false
        // Of a keyword that is there twice, libpq takes the last. With or without TLS: no secret is sent.
        let pairs = parameters.keywords(libraryVersion: PQlibVersion()) + [("sslmode", "prefer"), ("connect_timeout", String(max(1, seconds)))]
        return try await Pinger().ask(pairs)
    }

    /// A queue for one question: libpq waits in the call.
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
