/// How a running step tells what it is doing, without knowing who listens.
///
/// The runner sets the listener for `inspect`, `perform` and `revert` in a task-local value, so that child tasks and
/// `Task { }` have it too; `Task.detached` has not.
package enum StepProgress {
    @TaskLocal static var listener: (@Sendable (String) -> Void)?

    /// Hands a message to the event sink as `stepProgress`; outside a run it goes nowhere.
    package static func report(_ message: String) { listener?(message) }
}
