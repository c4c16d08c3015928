import ApplianceModel
import Foundation
import HostSystem
import MachineBackend
import SecureShell
import Synchronization
import SystemPackage
import Testing

@testable import Verification

/// What real programs printed.
enum Fixture {
    static func bytes(_ name: String) throws -> [UInt8] {
        try Files.read(FilePath(#filePath).removingLastComponent().removingLastComponent().appending("Fixtures").appending(name))
    }

    static func text(_ name: String) throws -> String { String(decoding: try bytes(name), as: UTF8.self) }
}

/// A shell that a test answers for.
final class AnsweringShell: RemoteShell {
    private let log = Mutex<[String]>([])
    private let answer: @Sendable (String) async throws -> ShellResult

    init(_ answer: @escaping @Sendable (String) async throws -> ShellResult) { self.answer = answer }

    var commands: [String] { log.withLock { $0 } }

    func run(_ command: ShellCommand, input: [UInt8], timeout: Duration) async throws -> ShellResult {
        log.withLock { $0.append(command.text) }
        return try await answer(command.text)
    }

    func upload(_ bytes: [UInt8], to path: String, mode: UInt16) async throws { throw Failure(.unsupported, "upload") }
    func download(_ path: String, limit: Int) async throws -> [UInt8] { throw Failure(.unsupported, "download") }
}

/// A distribution in which every operation took about as long as in the round that it is made for.
func histogram(_ median: Int, count: Int = 1_000) -> LatencyHistogram {
    LatencyHistogram(
        count: count, meanNanoseconds: Double(median),
        bins: [
            .init(nanoseconds: median / 2, count: count / 4), .init(nanoseconds: median, count: count / 2),
            .init(nanoseconds: median * 2, count: count - count / 4 - count / 2),
        ], percentiles: [:])
}
