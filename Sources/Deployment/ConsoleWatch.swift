internal import ApplianceModel
internal import Basics
internal import HostSystem
internal import Quoting
internal import SystemPackage

/// Follows the guest's serial log from where it stood, so that waits can say what the guest is doing.
struct ConsoleWatch {
    /// Tells where the log is written now: a start may change it.
    private let locate: @Sendable () -> FilePath?
    /// The file that `offset` is of: a log that is moved is the same one.
    private var inode: UInt64?
    private var offset: Int64
    private var lines: [String] = []
    /// The bytes after the last newline: a read may end within a character or an escape sequence.
    private var pending: [UInt8] = []
    /// A guest that never ends its line must not fill the memory.
    private static let pendingLimit = 4096

    /// Follows what is printed from now on.
    init(path: FilePath) { self.init { path } }

    /// The same of a log whose place may change; nil where there is none.
    init(_ locate: @escaping @Sendable () -> FilePath?) {
        self.locate = locate
        let status = locate().flatMap { Files.status($0, followLinks: false) }
        inode = status?.inode
        offset = status?.size.bytes ?? 0
    }

    /// The last lines that were printed, for messages: before the watch began, where nothing was printed since.
    var tail: [String] {
        if !lines.isEmpty || !unfinished.isEmpty { return lines.suffix(8) + (unfinished.isEmpty ? [] : [unfinished]) }
        var earlier = self
        earlier.offset = max(0, offset - 4096)
        guard let last = try? earlier.advance(), !last.isEmpty else { return [] }
        return Array(earlier.lines.suffix(8))
    }

    /// Whether a kernel has begun since the watch did, and only the kernel has printed since: it has mounted nothing yet. A guest that was up before
    /// the watch is never taken for one, whatever its kernel reports.
    private(set) var isBeforeUserSpace = false

    /// Whether a kernel has printed anything since the watch began.
    private(set) var kernelHasSpoken = false

    /// How often a kernel has begun since the watch did.
    private(set) var kernelStarts = 0

    /// Whether the guest has named its SSH server or asked for a login since the watch began.
    private(set) var speaksOfLogin = false

    /// Such as `[    6.249085] Serial: 8250/16550 driver`.
    private static func isFromKernel(_ line: String) -> Bool { line.prefixMatch(of: #/\[ *[0-9]+\.[0-9]{6}\] /#) != nil }

    /// Such as `[    2.100000] Run /init as init process`, and what processes write into the kernel's log.
    private static func isFromUserSpace(_ line: String) -> Bool {
        !isFromKernel(line) || line.contains(#/\] (Run /.* as init process|[a-z-]+\[[0-9]+\]: )/#)
    }

    private mutating func follow(_ line: String) {
        if line.begins(with: "[    0.000000] Linux version ") {
            kernelStarts += 1
            isBeforeUserSpace = true
        } else if Self.isFromUserSpace(line) {
            isBeforeUserSpace = false
        }
    }

    private var unfinished: String { Self.plain(pending) }

    /// Reads what is new.
    /// - Returns: the newest line with something to say; nil when nothing was printed.
    mutating func advance() throws -> String? {
        guard let path = locate(), let status = Files.status(path, followLinks: false) else { return nil }
        let size = status.size.bytes
        // Another log is written, or this one was cut.
        if size < offset || status.inode != inode {
            inode = status.inode
            offset = 0
            pending = []
        }
        guard size > offset else { return nil }
        guard let file = try RegularFile.open(path) else { return nil }
        let bytes = try file.read(from: offset, limit: 1 << 20)
        offset += Int64(bytes.count)
        var parts = (pending + bytes).split(separator: 0x0a, omittingEmptySubsequences: false)
        pending = parts.popLast().map { Array($0.suffix(Self.pendingLimit)) } ?? []
        let whole = parts.map { Self.plain($0) }.filter { $0.contains { !$0.isWhitespace } }
        lines = (lines + whole).suffix(200)
        whole.forEach { follow($0) }
        let new = whole + [unfinished]
        kernelHasSpoken = kernelHasSpoken || new.contains(where: Self.isFromKernel)
        speaksOfLogin = speaksOfLogin || new.contains { $0.contains(#/\bssh\.s|\bsshd\b|\blogin: /#) }
        return lines.last ?? (unfinished.isEmpty ? "…" : unfinished)
    }

    /// What a screen would show of terminal output: without escape sequences and control characters.
    static func plain(_ bytes: some Collection<UInt8>) -> String {
        var kept: [UInt8] = []
        var rest = bytes[...]
        while let byte = rest.popFirst() {
            if byte == 0x1b {
                skipSequence(&rest)
            } else if byte == 0x0a || byte == 0x09 || byte >= 0x20 && byte != 0x7f {
                kept.append(byte)
            }
        }
        // The control characters above 0x7f are two bytes in UTF-8, and terminals obey them too.
        return String(String.UnicodeScalarView(String(decoding: kept, as: UTF8.self).unicodeScalars.filter { !(0x80...0x9f).contains($0.value) }))
    }

    /// Takes away what follows an escape character and belongs to it.
    private static func skipSequence<Bytes: Collection<UInt8>>(_ rest: inout Bytes) where Bytes.SubSequence == Bytes {
        switch rest.popFirst() {
        case UInt8(ascii: "["):
            while let byte = rest.popFirst(), !(0x40...0x7e).contains(byte) {}
        case UInt8(ascii: "]"), UInt8(ascii: "P"), UInt8(ascii: "X"), UInt8(ascii: "^"), UInt8(ascii: "_"):
            // Text for the terminal itself, up to BEL or ESC \; a line's end ends it too, lest one that is never ended hides the rest.
            while let byte = rest.first, byte != 0x0a {
                rest.removeFirst()
                if byte == 0x07 { return }
                if byte == 0x1b {
                    if rest.first == UInt8(ascii: "\\") { rest.removeFirst() }
                    return
                }
            }
        case let byte? where (0x20...0x2f).contains(byte):
            // Such as the choice of a character set: more of these, then the final byte.
            while let byte = rest.popFirst(), (0x20...0x2f).contains(byte) {}
        default: break
        }
    }
}
