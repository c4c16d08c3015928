/// A progress message from running work.
package struct ProgressMessage: Sendable, Equatable {
    package let text: String
    /// The number of bytes that are done, if the work is measured in bytes.
    package let bytes: Int64?
    /// The total number of bytes, if it is known.
    package let totalBytes: Int64?

    package init(_ text: String, bytes: Int64? = nil, of totalBytes: Int64? = nil) {
        self.text = text
        self.bytes = bytes
        self.totalBytes = totalBytes
    }
}

/// How a running step reports what it is doing, without knowing its listener.
///
/// The code that runs the step sets the listener in a task-local value, so child tasks and `Task { }` inherit it;
/// `Task.detached` does not.
package enum StepProgress {
    @TaskLocal static var listener: (@Sendable (ProgressMessage) -> Void)?

    /// Passes a message to the event sink as `stepProgress`; outside a run it is dropped.
    package static func report(_ text: String, bytes: Int64? = nil, of totalBytes: Int64? = nil) {
        listener?(ProgressMessage(text, bytes: bytes, of: totalBytes))
    }
}
