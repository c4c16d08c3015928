/// What running work says of itself.
package struct ProgressMessage: Sendable, Equatable {
    package let text: String
    /// How many bytes are done, where the work is measured in bytes.
    package let bytes: Int64?
    /// How many there are in all, where that is known.
    package let totalBytes: Int64?

    package init(_ text: String, bytes: Int64? = nil, of totalBytes: Int64? = nil) {
        self.text = text
        self.bytes = bytes
        self.totalBytes = totalBytes
    }
}

/// How a running step tells what it is doing, without knowing who listens.
///
/// Whoever runs the step sets the listener in a task-local value, so that child tasks and `Task { }` have it too;
/// `Task.detached` has not.
package enum StepProgress {
    @TaskLocal static var listener: (@Sendable (ProgressMessage) -> Void)?

    /// Hands a message to the event sink as `stepProgress`; outside a run it goes nowhere.
    package static func report(_ text: String, bytes: Int64? = nil, of totalBytes: Int64? = nil) {
        listener?(ProgressMessage(text, bytes: bytes, of: totalBytes))
    }
}
