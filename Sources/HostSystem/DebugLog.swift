internal import ApplianceModel
internal import Basics
internal import FoundationEssentials
internal import Glibc
internal import Quoting
internal import Synchronization
package import SystemPackage

/// What this run of the program did, one line for each action, to help find out why something went wrong.
///
/// The log travels as a task-local value, like the listener of a step's progress: code that has something to log finds it
/// without knowing its owner. Until `keep` names a file, and that file's directory exists, the lines wait in memory. A log that
/// cannot be written is not a reason to fail.
package final class DebugLog: Sendable {
    /// The log of the running command; nil where there is none.
    @TaskLocal package static var current: DebugLog?

    /// The importance of a line.
    package enum Level: Int, Sendable, Comparable {
        case debug, info, warning, error

        package static func < (left: Level, right: Level) -> Bool { left.rawValue < right.rawValue }
    }

    /// The size limit of one file, in bytes. Further lines begin a new file, and the former one is kept beside it until the next change.
    package static let fileLimit: Int64 = 2 << 20
    /// The maximum number of lines that wait for a directory.
    private static let waitingLimit = 1000
    /// The maximum number of characters in one line.
    private static let lineLimit = 4000

    private struct State {
        var path: FilePath?
        var file: FileDescriptor?
        var waiting: [String] = []
    }
    private let state = Mutex(State())
    private let clean: @Sendable (String) -> String
    private let echo: @Sendable (Level, String) -> Void

    /// - Parameters:
    ///   - clean: removes from a text what must not be written down.
    ///   - echo: also receives each line.
    package init(clean: @escaping @Sendable (String) -> String = { $0 }, echo: @escaping @Sendable (Level, String) -> Void = { _, _ in }) {
        self.clean = clean
        self.echo = echo
    }

    deinit { state.withLock { state in _ = try? state.file?.close() } }

    /// Sets the file for the lines, including those that wait, as soon as its directory exists.
    package func keep(in path: FilePath) { state.withLock { $0.path = path } }

    /// The file that holds the lines from before the last change of file.
    package static func former(_ path: FilePath) -> FilePath { FilePath(path.string + ".1") }

    /// Writes a line to the log of the running command.
    package static func write(_ level: Level, _ text: @autoclosure () -> String) { current?.write(level, text()) }

    /// Runs an action and logs it, with its end and how long it took.
    /// - Parameter end: describes how it ended, such as `status 0`.
    package static func telling<Value>(
        _ level: Level, _ text: @autoclosure () -> String, end: (Value) -> String = { _ in "done" }, _ body: () async throws -> Value
    ) async throws -> Value {
        guard let log = current else { return try await body() }
        let start = ContinuousClock.now
        func ended(_ how: String) { log.write(level, "\(text()) -> \(how), \((ContinuousClock.now - start).wholeMilliseconds) ms") }
        do {
            let value = try await body()
            ended(end(value))
            return value
        } catch {
            ended("failed: \(error)")
            throw error
        }
    }

    /// - Parameter echoes: whether the line is also passed to `echo`.
    package func write(_ level: Level, _ text: String, echoes: Bool = true) {
        let text = Self.oneLine(clean(text))
        if echoes { echo(level, text) }
        let time = Date.now.ISO8601Format(Date.ISO8601FormatStyle(includingFractionalSeconds: true))
        let line = "\(time) \(getpid()) \(level) \(text)\n"
        state.withLock { state in
            guard Self.open(&state) else {
                state.waiting.append(line)
                if state.waiting.count > Self.waitingLimit { state.waiting.removeFirst(Self.waitingLimit / 2) }
                return
            }
            Self.append(line, &state)
        }
    }

    /// - Returns: whether the file is open.
    private static func open(_ state: inout State) -> Bool {
        if state.file != nil { return true }
        guard let path = state.path, Files.isDirectory(path.removingLastComponent()) else { return false }
        guard
            let file = try? FileDescriptor.open(
                path, .writeOnly, options: [.create, .append, .closeOnExec, .noFollow], permissions: .ownerReadWrite)
        else { return false }
        state.file = file
        for line in state.waiting { append(line, &state) }
        state.waiting = []
        return true
    }

    /// A line is a single write, so that two programs can append to one file.
    private static func append(_ line: String, _ state: inout State) {
        guard let file = state.file, let path = state.path else { return }
        if let size = try? file.seek(offset: 0, from: .end), size + Int64(line.utf8.count) > fileLimit { change(path, file, &state) }
        _ = try? state.file?.writeAll(line.utf8)
    }

    /// Begins a new file, unless another program has already done so, or the directory is gone.
    private static func change(_ path: FilePath, _ file: FileDescriptor, _ state: inout State) {
        var own = stat()
        guard let named = Files.status(path), unsafe fstat(file.rawValue, &own) == 0 else { return }
        if named.inode == own.st_ino { try? Files.rename(path, to: former(path)) }
        guard
            let next = try? FileDescriptor.open(
                path, .writeOnly, options: [.create, .append, .closeOnExec, .noFollow], permissions: .ownerReadWrite)
        else { return }
        try? file.close()
        state.file = next
    }

    /// The text without line ends and without characters that have a meaning for a terminal.
    private static func oneLine(_ text: String) -> String {
        var line = ""
        for scalar in text.unicodeScalars.prefix(lineLimit) {
            switch scalar {
            case "\n": line += "\\n"
            case "\r": line += "\\r"
            case "\t": line += "\\t"
            case _ where scalar.value < 0x20 || (0x7f...0x9f).contains(scalar.value): line += "?"
            default: line.unicodeScalars.append(scalar)
            }
        }
        return text.unicodeScalars.count > lineLimit ? line + "…" : line
    }
}

/// A command line as a person would type it.
package enum CommandText {
    package static func render(_ words: [String]) -> String { ShellWord.quoted(words) }
}
