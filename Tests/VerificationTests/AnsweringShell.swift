import ApplianceModel
import Basics
import Foundation
import HostSystem
import MachineBackend
import SecureShell
import Synchronization
import SystemPackage
import Testing

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
