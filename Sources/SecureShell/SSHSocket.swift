internal import Glibc
internal import Synchronization
internal import SystemPackage

/// The connection's socket. It is closed once. Any thread may shut it down, but never after the close: its number may be another file by then.
final class SSHSocket: Sendable {
    private let state: Mutex<FileDescriptor?>
    let rawValue: Int32

    init(_ descriptor: FileDescriptor) {
        state = Mutex(descriptor)
        rawValue = descriptor.rawValue
    }

    /// Ends the connection in both directions: every wait on the socket returns.
    func shutDown() {
        state.withLock { descriptor in
            if let descriptor { _ = shutdown(descriptor.rawValue, Int32(SHUT_RDWR)) }
        }
    }

    func close() {
        state.withLock { descriptor in
            try? descriptor?.close()
            descriptor = nil
        }
    }

    deinit { close() }
}
