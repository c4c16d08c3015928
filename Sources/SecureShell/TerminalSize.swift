internal import Glibc
internal import Synchronization
internal import SystemPackage

/// The requested size of an interactive session's terminal, passed from any thread to the queue that waits for the guest.
final class TerminalSize: Sendable {
    private let pending = Mutex<(columns: Int, rows: Int)?>(nil)
    private let wakeUp: (readEnd: FileDescriptor, writeEnd: FileDescriptor)

    init() throws {
        wakeUp = try FileDescriptor.pipe()
        for end in [wakeUp.readEnd, wakeUp.writeEnd] {
            _ = fcntl(end.rawValue, F_SETFD, FD_CLOEXEC)
            _ = fcntl(end.rawValue, F_SETFL, O_NONBLOCK)
        }
    }

    /// Readable while there is a new size.
    var descriptor: FileDescriptor { wakeUp.readEnd }

    func request(columns: Int, rows: Int) {
        pending.withLock { $0 = (columns, rows) }
        // A full pipe already wakes the reader, without this byte.
        _ = try? wakeUp.writeEnd.writeAll([0])
    }

    /// The size that was requested since the last call.
    func take() -> (columns: Int, rows: Int)? {
        var bytes = [UInt8](repeating: 0, count: 64)
        _ = try? unsafe bytes.withUnsafeMutableBytes { try unsafe wakeUp.readEnd.read(into: $0) }
        return pending.withLock { size in
            defer { size = nil }
            return size
        }
    }

    deinit {
        try? wakeUp.readEnd.close()
        try? wakeUp.writeEnd.close()
    }
}
