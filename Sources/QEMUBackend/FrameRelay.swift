internal import ApplianceModel
internal import Glibc
internal import HostSystem
package import SystemPackage

/// Sits between QEMU and passt, and forwards what passes the filter: frames, each preceded by its length in four bytes.
///
/// It is a separate process, which ends when either of the two does. It reads what a hostile guest writes, so it does not have any rights, and
/// drops whatever it does not understand.
package struct FrameRelay {
    /// The hidden command of this program; descriptors 3 and 4 are the ends of QEMU and passt.
    package static let commandName = "relay-frames"
    /// The maximum length of a frame: an Ethernet header and the longest IPv4 packet.
    static let longestFrame = 65_535 + 14
    /// How long a route is trusted: this host's addresses may change.
    static let validity: Duration = .seconds(1)
    /// The maximum number of cached routes; a guest can name any address.
    static let mostRoutes = 4096

    private let machine: FileDescriptor
    private let forwarder: FileDescriptor

    package init(machine: FileDescriptor, forwarder: FileDescriptor) {
        self.machine = machine
        self.forwarder = forwarder
    }

    /// The command that starts it.
    static func command(program: String, user: QEMUUser) -> [String] {
        [program, commandName] + (user.ids.map { ["--user", "\($0.user)", "--group", "\($0.group)"] } ?? [])
    }

    /// Returns when one of the two has ended.
    /// - Throws: the error caused by a descriptor that is not a stream socket.
    package func run() throws {
        for file in [machine, forwarder] {
            let flags = fcntl(file.rawValue, F_GETFL)
            guard flags >= 0, fcntl(file.rawValue, F_SETFL, flags | O_NONBLOCK) == 0 else { throw Errno(rawValue: errno) }
        }
        let routes = RememberedRoutes(HostRoutes.leadElsewhere)
        var toForwarder = Stretch(from: machine, to: forwarder, filter: FrameFilter(leadsElsewhere: routes.leadElsewhere))
        var toMachine = Stretch(from: forwarder, to: machine, filter: nil)
        while try toForwarder.advance(), try toMachine.advance() { try Self.wait(toForwarder, toMachine, machine: machine, forwarder: forwarder) }
    }

    private static func wait(_ toForwarder: Stretch, _ toMachine: Stretch, machine: FileDescriptor, forwarder: FileDescriptor) throws {
        func events(reads: Bool, writes: Bool) -> Int16 { Int16(reads ? POLLIN : 0) | Int16(writes ? POLLOUT : 0) }
        var files = [
            pollfd(fd: machine.rawValue, events: events(reads: !toForwarder.isFull, writes: toMachine.isFull), revents: 0),
            pollfd(fd: forwarder.rawValue, events: events(reads: !toMachine.isFull, writes: toForwarder.isFull), revents: 0),
        ]
        while Glibc.poll(&files, nfds_t(files.count), -1) < 0 { guard errno == EINTR else { throw Errno(rawValue: errno) } }
        // An end that hangs up while its own direction waits for the other end would be reported forever.
        if files.contains(where: { $0.revents & Int16(POLLERR) != 0 || $0.revents & Int16(POLLHUP) != 0 && $0.events & Int16(POLLIN) == 0 }) {
            throw Errno.connectionReset
        }
    }
}

/// One direction. What was read is written before more is read.
private struct Stretch {
    private let source: FileDescriptor
    private let sink: FileDescriptor
    /// Nil forwards everything unchanged.
    private let filter: FrameFilter?
    private var bytes = [UInt8](repeating: 0, count: 1 << 18)
    /// The number of bytes in `bytes` that were read.
    private var count = 0
    /// The ranges of these bytes that are to be written, and how much of `count` is done once they have been.
    private var outgoing: [Range<Int>] = []
    private var judged = 0

    init(from source: FileDescriptor, to sink: FileDescriptor, filter: FrameFilter?) {
        self.source = source
        self.sink = sink
        self.filter = filter
    }

    /// Whether something waits for the other end to take it.
    var isFull: Bool { !outgoing.isEmpty }

    /// Writes and reads until one of the two would have to wait.
    /// - Returns: false when an end has closed, or has sent something that is not a frame.
    mutating func advance() throws -> Bool {
        while true {
            guard let isWritten = try write() else { return false }
            guard isWritten else { return true }
            let (file, end) = (source, count)
            let read = try Self.transfer { try bytes.withUnsafeMutableBytes { try file.read(into: UnsafeMutableRawBufferPointer(rebasing: $0[end...])) } }
            switch read {
            case .waits: return true
            case .ended: return false
            case .done(let more): count += more
            }
            guard judge() else { return false }
        }
    }

    /// - Returns: whether nothing is left to write; nil when the other end has closed.
    private mutating func write() throws -> Bool? {
        while let range = outgoing.first {
            let file = sink
            switch try Self.transfer({ try bytes.withUnsafeBytes { try file.write(UnsafeRawBufferPointer(rebasing: $0[range])) } }) {
            case .waits: return false
            case .ended: return nil
            case .done(let written): outgoing[0] = range.lowerBound + written..<range.upperBound
            }
            if outgoing[0].isEmpty { outgoing.removeFirst() }
        }
        guard judged > 0 else { return true }
        let (rest, end) = (judged, count)
        if rest < end { bytes.withUnsafeMutableBytes { $0.copyMemory(from: UnsafeRawBufferPointer(rebasing: $0[rest..<end])) } }
        count = end - rest
        judged = 0
        return true
    }

    /// Decides on every frame that has arrived completely.
    /// - Returns: false when a length cannot be that of a frame.
    private mutating func judge() -> Bool {
        guard let filter else {
            outgoing = [0..<count]
            judged = count
            return true
        }
        var start = 0
        while count - start >= 4 {
            let length = (0..<4).reduce(0) { $0 << 8 | Int(bytes[start + $1]) }
            guard length <= FrameRelay.longestFrame else { return false }
            let frame = start + 4..<start + 4 + length
            guard frame.upperBound <= count else { break }
            if filter.passes(bytes, frame) {
                if let last = outgoing.last, last.upperBound == start {
                    outgoing[outgoing.count - 1] = last.lowerBound..<frame.upperBound
                } else {
                    outgoing.append(start..<frame.upperBound)
                }
            }
            start = frame.upperBound
        }
        judged = start
        return true
    }

    private enum Transfer { case done(Int), waits, ended }

    private static func transfer(_ body: () throws -> Int) throws -> Transfer {
        do {
            let moved = try body()
            return moved == 0 ? .ended : .done(moved)
        } catch Errno.wouldBlock {
            return .waits
        } catch Errno.brokenPipe, Errno.connectionReset {
            return .ended
        }
    }
}

/// Caches for a moment what the kernel reported about an address.
final class RememberedRoutes {
    private let ask: (IPv4Address) -> Bool
    private let clock: () -> ContinuousClock.Instant
    private var answers: [IPv4Address: (leadsElsewhere: Bool, end: ContinuousClock.Instant)] = [:]

    init(clock: @escaping () -> ContinuousClock.Instant = { .now }, _ ask: @escaping (IPv4Address) -> Bool) {
        self.ask = ask
        self.clock = clock
    }

    var count: Int { answers.count }

    func leadElsewhere(_ address: IPv4Address) -> Bool {
        let now = clock()
        if let answer = answers[address], answer.end > now { return answer.leadsElsewhere }
        if answers.count >= FrameRelay.mostRoutes { answers.removeAll(keepingCapacity: true) }
        let answer = ask(address)
        answers[address] = (answer, now + FrameRelay.validity)
        return answer
    }
}
