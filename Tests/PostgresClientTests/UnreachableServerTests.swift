import ApplianceModel
import Basics
import Glibc
import Testing

@testable import PostgresClient

@Suite("What is not a server")
struct UnreachableServerTests {
    private func parameters(port: UInt16, timeout: Duration = .seconds(5)) -> PostgresParameters {
        PostgresParameters(
            host: "db.test", hostAddress: "127.0.0.1", port: port, database: "x", user: "x", password: Secret("hidden-word"), sslMode: .require,
            connectTimeout: timeout)
    }

    @Test("A port where nobody listens fails at once, without the password in the text")
    func refused() async throws {
        let silent = try SilentListener(listening: false)
        let failure = await expectFailure(.postgresConnectionFailed) { _ = try await PostgresConnection.open(parameters(port: silent.port)) }
        #expect(failure?.sqlState == nil)
        let cause = try #require(failure?.cause as? PostgresError)
        #expect(!"\(failure.map { "\($0)" } ?? "")\(cause)".contains("hidden-word"))
        #expect(cause.message.contains("refused"))
    }

    @Test("A server that accepts and never answers runs into the limit")
    func neverAnswers() async throws {
        let silent = try SilentListener(listening: true)
        await expectFailure(.timedOut) { _ = try await PostgresConnection.open(parameters(port: silent.port, timeout: .milliseconds(300))) }
    }

    @Test("Connecting can be cancelled")
    func cancelled() async throws {
        let silent = try SilentListener(listening: true)
        let port = silent.port
        let opening = Task { _ = try await PostgresConnection.open(parameters(port: port, timeout: .seconds(500))) }
        try await ContinuousClock().sleep(for: .milliseconds(100))
        opening.cancel()
        await #expect(throws: CancellationError.self) { try await opening.value }
        _ = consume silent
    }

    @Test("The SQLSTATE is read from the text of a refused connection")
    func connectionText() {
        let text = """
            connection to server at "127.0.0.1", port 5432 failed: FATAL:  28P01: password authentication failed for user "x"
            LOCATION:  auth_failed, auth.c:326
            """
        let error = PostgresError(connectionText: text)
        #expect(error.sqlState == "28P01")
        #expect(error.message == #"connection to server at "127.0.0.1", port 5432 failed: FATAL:  password authentication failed for user "x""#)
        #expect(PostgresError(connectionText: "connection refused").sqlState == nil)
        #expect(PostgresError(connectionText: "FATAL:  lower: case").sqlState == nil)
    }
}

/// A bound port on the loopback interface that refuses everybody, or accepts and says nothing.
struct SilentListener: ~Copyable {
    let port: UInt16
    let descriptor: Int32

    init(listening: Bool) throws {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr = in_addr(s_addr: UInt32(0x7F00_0001).bigEndian)
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isBound = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, length) == 0 && getsockname(descriptor, $0, &length) == 0
            }
        }
        try #require(isBound)
        if listening { try #require(listen(descriptor, 8) == 0) }
        self.descriptor = descriptor
        port = UInt16(bigEndian: address.sin_port)
    }

    deinit { close(descriptor) }
}
