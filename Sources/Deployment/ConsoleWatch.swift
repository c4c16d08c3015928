internal import ApplianceModel
internal import HostSystem
internal import SystemPackage

/// Follows the guest's serial log from where it stood, so that waits can say what the guest is doing.
struct ConsoleWatch {
    private let path: FilePath
    private var offset: Int64
    private var lines: [String] = []
    private var unfinished = ""

    /// Follows what is printed from now on.
    init(path: FilePath) {
        self.path = path
        offset = Files.status(path)?.size.bytes ?? 0
    }

    /// The last lines that were printed, for messages.
    var tail: [String] { lines.suffix(8) + (unfinished.isEmpty ? [] : [unfinished]) }

    /// Reads what is new.
    /// - Returns: the newest line with something to say; nil when nothing was printed.
    mutating func advance() throws -> String? {
        guard let size = Files.status(path)?.size.bytes else { return nil }
        // The log was cut at a start.
        if size < offset { offset = 0 }
        guard size > offset else { return nil }
        let bytes = try Files.read(path, from: offset, limit: 1 << 20)
        offset += Int64(bytes.count)
        var parts = (unfinished + Self.plain(bytes)).split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        unfinished = parts.popLast() ?? ""
        lines += parts.map { $0.filter { !$0.isNewline } }.filter { $0.contains { !$0.isWhitespace } }
        lines = lines.suffix(200)
        return lines.last ?? (unfinished.isEmpty ? "…" : unfinished)
    }

    /// What a screen would show of terminal output: without escape sequences and control characters.
    static func plain(_ bytes: [UInt8]) -> String {
        var kept: [UInt8] = []
        var index = bytes.startIndex
        while index < bytes.endIndex {
            let byte = bytes[index]
            index += 1
            if byte == 0x1b, index < bytes.endIndex {
                let introducer = bytes[index]
                index += 1
                if introducer == UInt8(ascii: "[") {
                    while index < bytes.endIndex, !(0x40...0x7e).contains(bytes[index]) { index += 1 }
                    index += 1
                }
            } else if byte == 0x0a || byte == 0x09 || byte >= 0x20 && byte != 0x7f {
                kept.append(byte)
            }
        }
        return String(decoding: kept, as: UTF8.self)
    }
}
