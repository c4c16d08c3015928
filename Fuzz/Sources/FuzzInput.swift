/// The bytes of one execution, taken apart from the front. Everything is text, so that a seed can be written by hand.
struct FuzzInput {
    private(set) var rest: ArraySlice<UInt8>

    init(_ bytes: [UInt8]) { rest = bytes[...] }

    /// All that is left.
    var bytes: [UInt8] { Array(rest) }
    var text: String { String(decoding: rest, as: UTF8.self) }

    /// The first line says which of several ways is gone: `a`, `b`, ….
    mutating func choice(of count: Int) -> Int {
        let first = rest.popFirst() ?? 0
        if rest.first == UInt8(ascii: "\n") { rest.removeFirst() }
        return Int(first &- UInt8(ascii: "a")) % count
    }

    /// The next line without its end.
    mutating func line() -> String { String(decoding: lineBytes(), as: UTF8.self) }

    mutating func lineBytes() -> ArraySlice<UInt8> {
        let line = rest.prefix { $0 != UInt8(ascii: "\n") }
        rest = rest.dropFirst(line.count + 1)
        return line
    }

    /// The next line as a number; any number, also none.
    mutating func number() -> Double { Double(line()) ?? 0 }

    mutating func integer() -> Int { Int(line()) ?? 0 }

    /// Whether this is one of the few inputs for which something slow is done: by its content, so that it is the same when it is run again.
    func isOne(of count: UInt8) -> Bool { rest.reduce(0, &+) % count == 0 }

    /// What stands before a line of `---`, and what stands behind it.
    var halves: (first: [UInt8], second: [UInt8]) {
        let mark = Array("\n---\n".utf8)
        guard let range = rest.firstRange(of: mark) else { return (bytes, bytes) }
        return (Array(rest[..<range.lowerBound]), Array(rest[range.upperBound...]))
    }
}
