internal import Deployment
internal import Dispatch
internal import Glibc
internal import HostSystem
internal import SystemPackage
internal import Terminal

/// The screen of `top`: draws after each sample, each key and each change of the window, until `q` or a signal.
struct TopView {
    let sampler: UsageSampler
    let interval: Duration
    var showsThreads: Bool

    private enum Event: Sendable {
        case looked(UsageReport)
        case failed(any Error)
        case key(UInt8)
        case resized
        /// The terminal is gone.
        case closed
    }

    mutating func run() async throws {
        let (events, feed) = AsyncStream.makeStream(of: Event.self)
        try ScreenTerminal.enter()
        defer { ScreenTerminal.leave() }
        let looking = Task { [sampler, interval] in
            do {
                try await Self.look(sampler, every: interval) { feed.yield(.looked($0)) }
            } catch {
                feed.yield(.failed(error))
            }
        }
        defer { looking.cancel() }
        let keys = Self.keys { feed.yield($0) }
        defer { keys.cancel() }
        let resizing = TTY.onResize { _, _ in feed.yield(.resized) }
        defer { resizing?.cancel() }

        var report: UsageReport?
        for await event in events {
            switch event {
            case .looked(let latest): report = latest
            case .failed(let error): throw error
            case .key(UInt8(ascii: "q")), .key(UInt8(ascii: "Q")), .closed: return
            case .key(UInt8(ascii: "t")): showsThreads.toggle()
            case .key: continue
            case .resized: break
            }
            if let report { draw(report) }
        }
        try Task.checkCancellation()
    }

    private func draw(_ report: UsageReport) {
        guard let size = TTY.size, size.columns > 0, size.rows > 0 else { return }
        let text = UsageText(report, style: Terminal.style, showsThreads: showsThreads)
        let lines = text.screen(columns: size.columns, rows: size.rows, foot: "q quits, t shows threads; every \(interval.formattedSeconds)")
        ScreenTerminal.draw(lines.map { TextStyle.shownLines($0, keepsStyle: Terminal.style.hasColor) })
    }

    /// Takes samples until the task is cancelled. The first report has no rates yet, and appears at once.
    private static func look(_ sampler: UsageSampler, every interval: Duration, _ report: (UsageReport) -> Void) async throws {
        let processors = HostCPU.current().logicalCPUs
        var last = try await sampler.sample()
        report(UsageReport(from: last, to: last, processors: processors))
        while true {
            try await ContinuousClock().sleep(for: interval)
            let next = try await sampler.sample()
            report(UsageReport(from: last, to: next, processors: processors))
            last = next
        }
    }

    private static func keys(_ event: @escaping @Sendable (Event) -> Void) -> any DispatchSourceRead {
        let source = DispatchSource.makeReadSource(fileDescriptor: STDIN_FILENO, queue: .global())
        source.setEventHandler {
            var bytes = [UInt8](repeating: 0, count: 64)
            let count = read(STDIN_FILENO, &bytes, bytes.count)
            guard count > 0 else {
                event(.closed)
                return
            }
            for byte in bytes[..<count] { event(.key(byte)) }
        }
        source.resume()
        return source
    }
}
