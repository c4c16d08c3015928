internal import ApplianceModel
internal import Basics
internal import HostSystem
internal import Quoting
internal import SystemPackage

/// Follows the guest's serial log from the current end, so that waits can report what the guest is doing.
struct ConsoleWatch {
    /// Finds where the log is written now: a start may change the place.
    private let locate: @Sendable () -> FilePath?
    /// The file to which `offset` belongs. A log that is moved is still the same file.
    private var inode: UInt64?
    private var offset: Int64
    private var lines: [String] = []
    /// The bytes after the last newline: a read may end within a character or an escape sequence.
    private var pending: [UInt8] = []
    /// The limit keeps a guest that never ends its line from filling the memory.
    private static let pendingLimit = 4096

    /// Follows what is printed from now on.
    init(path: FilePath) { self.init { path } }

    /// Follows a log whose place may change; nil if there is none.
    init(_ locate: @escaping @Sendable () -> FilePath?) {
        self.locate = locate
        let status = locate().flatMap { Files.status($0, followLinks: false) }
        inode = status?.inode
        offset = status?.size.bytes ?? 0
    }

    /// The last printed lines, for messages. If nothing was printed since the watch began, these are the lines from before.
    var tail: [String] {
        if !lines.isEmpty || !unfinished.isEmpty { return lines.suffix(8) + (unfinished.isEmpty ? [] : [unfinished]) }
        var earlier = self
        earlier.offset = max(0, offset - 4096)
        guard let last = try? earlier.advance(), !last.isEmpty else { return [] }
        return Array(earlier.lines.suffix(8))
    }

    /// Whether a kernel has started since the watch began, and only the kernel has printed since: it has mounted nothing yet. A guest that was up
    /// before the watch never counts as such, whatever its kernel prints.
    private(set) var isBeforeUserSpace = false

    /// Whether a kernel has printed anything since the watch began.
    private(set) var kernelHasSpoken = false

    /// How many times a kernel has started since the watch began.
    private(set) var kernelStarts = 0

    /// Whether the guest has mentioned its SSH server or asked for a login since the watch began.
    private(set) var speaksOfLogin = false

    /// For example `[    6.249085] Serial: 8250/16550 driver`.
    private static func isFromKernel(_ line: String) -> Bool { line.prefixMatch(of: #/\[ *[0-9]+\.[0-9]{6}\] /#) != nil }

    /// For example `[    2.100000] Run /init as init process`, and what processes write into the kernel's log.
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

    /// Reads the new bytes.
    /// - Returns: the newest line that is not empty; nil if nothing was printed.
    mutating func advance() throws -> String? {
        guard let path = locate(), let status = Files.status(path, followLinks: false) else { return nil }
        let size = status.size.bytes
        // Another log is being written, or this one was truncated.
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

    /// The text that a screen would show: terminal output without escape sequences and control characters.
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

    /// Skips what follows an escape character and belongs to its sequence.
    private static func skipSequence<Bytes: Collection<UInt8>>(_ rest: inout Bytes) where Bytes.SubSequence == Bytes {
        switch rest.popFirst() {
        case UInt8(ascii: "["):
            while let byte = rest.popFirst(), !(0x40...0x7e).contains(byte) {}
        case UInt8(ascii: "]"), UInt8(ascii: "P"), UInt8(ascii: "X"), UInt8(ascii: "^"), UInt8(ascii: "_"):
            // Text for the terminal itself, up to BEL or ESC \. The end of a line ends it too, so that an unterminated sequence does not hide the
            // rest.
            while let byte = rest.first, byte != 0x0a {
                rest.removeFirst()
                if byte == 0x07 { return }
                if byte == 0x1b {
                    if rest.first == UInt8(ascii: "\\") { rest.removeFirst() }
                    return
                }
            }
        case let byte? where (0x20...0x2f).contains(byte):
            // For example the choice of a character set: more bytes of this range, then the final byte.
            while let byte = rest.popFirst(), (0x20...0x2f).contains(byte) {}
        default: break
        }
    }
}
