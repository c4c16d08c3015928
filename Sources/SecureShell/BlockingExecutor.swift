internal import Dispatch

/// Runs an actor's jobs one after another on a private queue, so that a blocking wait does not hold a thread of the cooperative pool.
final class BlockingExecutor: SerialExecutor {
    private let queue = DispatchQueue(label: "pgkvm.ssh")

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        queue.async { unsafe job.runSynchronously(on: self.asUnownedSerialExecutor()) }
    }
}
