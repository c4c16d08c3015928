internal import Basics
internal import HostSystem
internal import SystemPackage

/// Reports how a file grows while a program writes it without reporting its progress.
enum FileGrowth {
    /// Runs `body`, and reports the bytes that are allocated in the file whenever there are more than before.
    static func telling<Value: Sendable>(
        of path: FilePath, as what: String, progress: @escaping @Sendable (ImageProgress) -> Void, _ body: @escaping @Sendable () async throws -> Value
    ) async throws -> Value {
        try await withThrowingTaskGroup(of: Value?.self) { group in
            group.addTask { try await body() }
            group.addTask {
                // An empty file system is not worth reporting.
                var told = max(allocated(path), 1 << 20)
                while true {
                    try await ContinuousClock().sleep(for: .milliseconds(500))
                    let now = allocated(path)
                    guard now > told else { continue }
                    told = now
                    progress(ImageProgress("\(what): \(ByteSize(bytes: now).mebibytes) MiB", bytes: now))
                }
            }
            defer { group.cancelAll() }
            while let finished = try await group.next() {
                if let finished { return finished }
            }
            throw CancellationError()
        }
    }

    private static func allocated(_ path: FilePath) -> Int64 { Files.status(path)?.allocated.bytes ?? 0 }
}
