internal import Dispatch

/// Runs the calls of one connection one after another on a separate queue: libpq blocks, and a thread of the cooperative
/// pool must not block.
final class BlockingExecutor: SerialExecutor {
    private let queue = DispatchQueue(label: "postgres")

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        queue.async { unsafe job.runSynchronously(on: self.asUnownedSerialExecutor()) }
    }
}
