internal import Basics
internal import Glibc
internal import Synchronization

/// Set by the task that cancels, and read by the thread that waits in C.
final class CancellationFlag: Sendable {
    private let value = Atomic(false)

    func set() { value.store(true, ordering: .releasing) }
    var isSet: Bool { value.load(ordering: .acquiring) }
}

/// Why a wait for a socket ended.
enum SocketWaitEnd {
    case ready, deadlinePassed, cancelled
}

/// Waits until a socket can be read (or also written), the deadline passes, or the flag is set (seen within 100 ms).
func waitForSocket(
    _ descriptor: Int32, reading: Bool = true, writing: Bool = false, until deadline: ContinuousClock.Instant, unless cancellation: CancellationFlag?
) -> SocketWaitEnd {
    let events = (reading ? Int16(POLLIN) : 0) | (writing ? Int16(POLLOUT) : 0)
    while true {
        if cancellation?.isSet == true { return .cancelled }
        let left = deadline - ContinuousClock.now
        guard left > .zero else { return .deadlinePassed }
        let slice = min(left, .milliseconds(100))
        var entry = pollfd(fd: descriptor, events: events, revents: 0)
        // Rounded up, so that the last slice does not become a busy loop.
        let milliseconds = Int32(saturating: slice / .milliseconds(1)) + 1
        // An error on the socket also counts as ready: the next libpq call reports it. An interrupted poll simply repeats the loop.
        if unsafe poll(&entry, 1, milliseconds) > 0 { return .ready }
    }
}
