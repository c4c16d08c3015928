import ApplianceModel
import Basics
import Dispatch
import Glibc
import Quoting
import SystemPackage
import Testing

@testable import PostgresClient

@Suite("Servers that send more than was asked for", .timeLimit(.minutes(40)))
struct FloodingServerTests {
    /// Lets a client in without a password, and answers its first statement.
    private func with<Value: Sendable>(
        _ answer: @escaping @Sendable (_ send: ([UInt8]) -> Bool) -> Void, _ body: (PostgresConnection) async throws -> Value
    ) async throws -> Value {
        let listener = try SilentListener(listening: true)
        let serving = DispatchGroup()
        DispatchQueue(label: "flooding").async(group: serving) { [descriptor = listener.descriptor] in
            let client = accept(descriptor, nil, nil)
            defer { close(client) }
            func send(_ bytes: [UInt8]) -> Bool {
                var sent = 0
                while sent < bytes.count {
                    let count = bytes[sent...].withUnsafeBytes { Glibc.send(client, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
                    guard count > 0 else { return false }
                    sent += count
                }
                return true
            }
            var request = [UInt8](repeating: 0, count: 8192)
            guard recv(client, &request, request.count, 0) > 0 else { return }
            // The user is in, and the server waits for a statement.
            guard send(message("R", [0, 0, 0, 0]) + message("Z", [0x49])), recv(client, &request, request.count, 0) > 0 else { return }
            answer(send)
            while recv(client, &request, request.count, 0) > 0 {}
        }
        let connection = try await PostgresConnection.open(
            PostgresParameters(
                host: "127.0.0.1", hostAddress: "127.0.0.1", port: listener.port, database: "x", user: "x", sslMode: .disable,
                channelBinding: .disable, connectTimeout: .seconds(60)))
        do {
            let value = try await body(connection)
            await connection.close()
            await withCheckedContinuation { done in serving.notify(queue: .global()) { done.resume() } }
            return value
        } catch {
            await connection.close()
            await withCheckedContinuation { done in serving.notify(queue: .global()) { done.resume() } }
            throw error
        }
    }

    @Test("A statement whose rows do not end loses the connection before they fill the memory")
    func rows() async throws {
        let failure = await expectFailure(.postgresConnectionLost) {
            try await with({ send in
                guard send(message("1", []) + message("2", []) + message("T", description)) else { return }
                let row = message("D", [0, 1] + number(60_000) + [UInt8](repeating: 65, count: 60_000))
                while send(row + row + row + row) {}
            }) { _ = try await $0.query("SELECT 1", timeout: .seconds(300)) }
        }
        #expect((failure?.cause as? PostgresError)?.message.contains("more than 64 MiB") == true)
    }

    @Test("So does one row that does not end, and a notice")
    func messages() async throws {
        for kind in ["D", "N"] {
            await expectFailure(.postgresConnectionLost) {
                try await with({ send in
                    guard send(message("1", []) + message("2", []) + message("T", description)) else { return }
                    guard send(Array(kind.utf8) + number(1 << 30) + [0, 1] + number(1 << 29)) else { return }
                    while send([UInt8](repeating: 65, count: 1 << 18)) {}
                }) { _ = try await $0.query("SELECT 1", timeout: .seconds(300)) }
            }
        }
    }

    @Test("What the server says of a refused statement is cut")
    func errorText() async throws {
        let failure = await expectFailure(.postgresQueryFailed) {
            try await with({ send in
                let text = [UInt8](repeating: 65, count: 1 << 20)
                _ = send(message("E", Array("SERROR\0C42601\0M".utf8) + text + [0, 0]) + message("Z", [0x49]))
            }) { _ = try await $0.query("SELECT 1", timeout: .seconds(60)) }
        }
        #expect((failure?.cause as? PostgresError)?.message.count == 4_096)
    }
}

private func number(_ value: UInt32) -> [UInt8] { withUnsafeBytes(of: value.bigEndian, Array.init) }
private func message(_ kind: String, _ content: [UInt8]) -> [UInt8] { Array(kind.utf8) + number(UInt32(content.count + 4)) + content }

/// One column of type text.
private let description: [UInt8] = [0, 1] + Array("a\0".utf8) + [0, 0, 0, 0, 0, 0, 0, 0, 0, 25, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0]
