internal import ApplianceModel
internal import Basics
internal import Crypto
internal import Glibc
internal import HostSystem
internal import SystemPackage

/// What a connection carries: one request, read as strictly as pveproxy reads it.
struct PVEHTTPRequest {
    let method: String
    let target: String
    let headers: [String: String]
    let length: Int64

    var segments: [String] {
        target.prefix { $0 != "?" }.split(separator: "/").map { Self.decode(String($0)) }
    }

    var query: [(name: String, value: String)] {
        guard let mark = target.firstIndex(of: "?") else { return [] }
        return Self.form(String(target[target.index(after: mark)...]))
    }

    static func form(_ text: String) -> [(name: String, value: String)] {
        text.split(separator: "&").map { pair in
            // A value ends at a second bare `=`.
            let parts = pair.split(separator: "=", omittingEmptySubsequences: false).map { decode(String($0).replacing("+", with: " ")) }
            return (parts[0], parts.count > 1 ? parts[1] : "")
        }
    }

    static func decode(_ text: String) -> String {
        var bytes: [UInt8] = []
        var rest = Array(text.utf8)[...]
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "%"), rest.count >= 2, let value = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16) {
                bytes.append(value)
                rest = rest.dropFirst(2)
            } else {
                bytes.append(byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}

/// A file that came with a request.
struct PVEUpload {
    let fields: [(name: String, value: String)]
    let fileName: String
    let file: FilePath
    let size: Int64
    let checksum: String
}

/// One connection's socket, blocking.
struct PVESocket {
    let file: FileDescriptor

    /// The head of a request, and what came of its body with it; nil when the connection ended.
    func readHead() -> (request: PVEHTTPRequest, rest: [UInt8])? {
        var bytes: [UInt8] = []
        while true {
            if let end = bytes.firstRange(of: Array("\r\n\r\n".utf8)) {
                guard let request = Self.parse(String(decoding: bytes[..<end.lowerBound], as: UTF8.self)) else { return nil }
                return (request, Array(bytes[end.upperBound...]))
            }
            guard bytes.count < 65_536, let more = read(), !more.isEmpty else { return nil }
            bytes += more
        }
    }

    func read(upTo count: Int = 65_536) -> [UInt8]? {
        var chunk = [UInt8](repeating: 0, count: count)
        guard let read = try? chunk.withUnsafeMutableBytes({ try file.read(into: $0) }) else { return nil }
        return Array(chunk[..<read])
    }

    func write(_ bytes: [UInt8]) { _ = try? file.writeAll(bytes) }

    private static func parse(_ head: String) -> PVEHTTPRequest? {
        let lines = head.split(separator: "\r\n", omittingEmptySubsequences: false).map(String.init)
        let words = lines[0].split(separator: " ").map(String.init)
        guard words.count == 3, words[2] == "HTTP/1.1" else { return nil }
        var headers: [String: String] = [:]
        for line in lines.dropFirst() {
            guard let colon = line.firstIndex(of: ":") else { return nil }
            let value = line[line.index(after: colon)...].drop { $0 == " " }
            headers[line[..<colon].lowercased()] = String(value)
        }
        return PVEHTTPRequest(method: words[0], target: words[1], headers: headers, length: headers["content-length"].flatMap { Int64($0) } ?? 0)
    }

    /// Reads a multipart body into a file: the fields first, `Content-Disposition` first in each part.
    /// - Parameter cut: ends the connection after so many bytes.
    /// - Throws: what is wrong with it, in the server's words; nil when the connection ended.
    func readUpload(_ request: PVEHTTPRequest, _ rest: [UInt8], into directory: FilePath, cut: Int?) throws(PVERefusal) -> PVEUpload? {
        guard let type = request.headers["content-type"], let mark = type.firstRange(of: "boundary=") else {
            throw PVERefusal(status: 500, message: "no boundary")
        }
        let boundary = "--" + String(type[mark.upperBound...])
        let raw = directory.appending("upload.\(UInt64.random(in: 0 ... .max))")
        guard let target = try? FileDescriptor.open(raw, .readWrite, options: [.create, .exclusiveCreate, .closeOnExec], permissions: .ownerReadWrite) else {
            throw PVERefusal(status: 500, message: "cannot write the upload")
        }
        defer { try? target.close() }
        var count: Int64 = 0
        var chunk = rest
        while true {
            _ = try? target.writeAll(chunk)
            count += Int64(chunk.count)
            if let cut, count >= cut {
                try? Files.remove(raw)
                return nil
            }
            if count >= request.length { break }
            guard let more = read(upTo: 1 << 20), !more.isEmpty else {
                try? Files.remove(raw)
                return nil
            }
            chunk = more
        }
        defer { try? Files.remove(raw) }
        return try Self.parts(raw, size: count, boundary: boundary, directory)
    }

    private static func parts(_ raw: FilePath, size: Int64, boundary: String, _ directory: FilePath) throws(PVERefusal) -> PVEUpload {
        guard let beginning = try? Files.read(raw, from: 0, limit: 16_384) else { throw PVERefusal(status: 500, message: "no upload") }
        var fields: [(name: String, value: String)] = []
        var rest = beginning[...]
        let mark = Array("\(boundary)\r\n".utf8)
        while rest.starts(with: mark) {
            rest = rest.dropFirst(mark.count)
            guard let end = rest.firstRange(of: Array("\r\n\r\n".utf8)) else { break }
            let head = String(decoding: rest[..<end.lowerBound], as: UTF8.self)
            // Only this header, only as the first, only in this spelling.
            guard head.hasPrefix("Content-Disposition: form-data; name=\"") else { break }
            let name = String(head.dropFirst("Content-Disposition: form-data; name=\"".count).prefix { $0 != "\"" })
            rest = rest[end.upperBound...]
            guard head.contains("filename=\"") else {
                guard let close = rest.firstRange(of: Array("\r\n--".utf8)) else { break }
                fields.append((name, String(decoding: rest[..<close.lowerBound], as: UTF8.self)))
                rest = rest[rest.index(close.lowerBound, offsetBy: 2)...]
                continue
            }
            guard name == "filename", let start = head.firstRange(of: "filename=\""), fields.first?.name == "content" else { break }
            let fileName = String(head[start.upperBound...].prefix { $0 != "\"" })
            let tail = Array("\r\n\(boundary)--\r\n".utf8)
            let length = size - Int64(rest.startIndex) - Int64(tail.count)
            guard length >= 0, (try? Files.read(raw, from: size - Int64(tail.count), limit: tail.count)) == tail else { break }
            return try keep(raw, from: Int64(rest.startIndex), length, fields, fileName, directory)
        }
        throw PVERefusal(status: 500, message: "upload failed: the parts are not in the form that is expected")
    }

    private static func keep(
        _ raw: FilePath, from offset: Int64, _ length: Int64, _ fields: [(name: String, value: String)], _ fileName: String, _ directory: FilePath
    ) throws(PVERefusal) -> PVEUpload {
        let path = directory.appending("file.\(UInt64.random(in: 0 ... .max))")
        do {
            let target = try FileDescriptor.open(path, .writeOnly, options: [.create, .exclusiveCreate, .closeOnExec], permissions: .ownerReadWrite)
            defer { try? target.close() }
            var hash = SHA256()
            var done: Int64 = 0
            while done < length {
                let bytes = try Files.read(raw, from: offset + done, limit: Int(min(1 << 20, length - done)))
                hash.update(data: bytes)
                try target.writeAll(bytes)
                done += Int64(bytes.count)
            }
            return PVEUpload(fields: fields, fileName: fileName, file: path, size: length, checksum: hash.finalize().hexadecimal)
        } catch {
            throw PVERefusal(status: 500, message: "cannot keep the upload: \(error)")
        }
    }
}

/// What the server says instead of data.
struct PVERefusal: Error {
    var status: Int
    var message: String
    var errors: [String: String] = [:]
    /// Whether all there is stands in the reason phrase.
    var hasEmptyBody = false
}

/// Writes values as the server does: the keys in random order, truth as 0 and 1, whole numbers now and then as texts.
enum PVEJSON {
    static func text(_ value: JSONValue, textNumbers: Bool) -> String {
        switch value {
        case .null: "null"
        case .bool(let value): value ? "1" : "0"
        case .integer(let value): textNumbers && Bool.random() ? "\"\(value)\"" : "\(value)"
        case .number(let value): "\(value)"
        case .string(let value): quoted(value)
        case .array(let values): "[" + values.map { text($0, textNumbers: textNumbers) }.joined(separator: ",") + "]"
        case .object(let members):
            "{" + members.shuffled().map { "\(quoted($0.key)):\(text($0.value, textNumbers: textNumbers))" }.joined(separator: ",") + "}"
        }
    }

    private static func quoted(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\r": result += "\\r"
            case "\t": result += "\\t"
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }
}
