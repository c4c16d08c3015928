import Synchronization
import Workflow

struct DiskFull: Error {}

/// A journal in memory that can be full and can be copied as a crash would leave it.
final class MemoryStorage: JournalStorage {
    private struct State {
        var bytes: [UInt8]
        var appendsLeft: Int?
    }
    private let state: Mutex<State>
    private let onAppend: @Sendable (_ before: [UInt8], _ line: [UInt8]) -> Void

    /// - Parameters:
    ///   - appendsLeft: how many appends succeed; nil for all.
    ///   - onAppend: called before each append that succeeds.
    init(
        _ bytes: [UInt8] = [], appendsLeft: Int? = nil,
        onAppend: @escaping @Sendable (_ before: [UInt8], _ line: [UInt8]) -> Void = { _, _ in }
    ) {
        state = Mutex(State(bytes: bytes, appendsLeft: appendsLeft))
        self.onAppend = onAppend
    }

    var bytes: [UInt8] { state.withLock { $0.bytes } }
    var text: String { String(decoding: bytes, as: UTF8.self) }

    func free() { state.withLock { $0.appendsLeft = nil } }

    func readAll() -> [UInt8] { bytes }

    func append(_ line: [UInt8]) throws {
        let before = try state.withLock { state in
            if let left = state.appendsLeft {
                guard left > 0 else { throw DiskFull() }
                state.appendsLeft = left - 1
            }
            defer { state.bytes += line }
            return state.bytes
        }
        onAppend(before, line)
    }

    func truncate(toByteCount count: Int) { state.withLock { $0.bytes.removeLast($0.bytes.count - count) } }
}
