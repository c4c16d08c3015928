/// The address of an archive, parsed as apt does: `method:`, then usually `//host/path`.
struct AptURI: Sendable, Equatable {
    /// In lower case, such as `http` or `mirror+file`.
    let method: String
    /// Whether it names a user or a password before the host.
    let carriesCredentials: Bool
    /// In lower case; empty for a file.
    let host: String
    /// Nil where the address does not name one.
    let port: String?
    let path: String

    init(_ text: String) {
        var rest = text.utf8[...]
        let colon = rest.firstIndex(of: UInt8(ascii: ":")) ?? rest.endIndex
        method = String(decoding: rest[..<colon], as: UTF8.self).lowercased()
        rest = colon == rest.endIndex ? rest[colon...] : rest[rest.index(after: colon)...]
        guard rest.starts(with: "//".utf8) else {
            (carriesCredentials, host, port, path) = (false, "", nil, String(decoding: rest, as: UTF8.self))
            return
        }
        rest = rest.dropFirst(2)
        let slash = rest.firstIndex(of: UInt8(ascii: "/")) ?? rest.endIndex
        path = String(decoding: rest[slash...], as: UTF8.self)
        var authority = rest[..<slash]
        let at = authority.lastIndex(of: UInt8(ascii: "@"))
        carriesCredentials = at != nil
        if let at { authority = authority[authority.index(after: at)...] }
        // The colons of an IPv6 address are inside brackets.
        let afterBracket = authority.lastIndex(of: UInt8(ascii: "]")) ?? authority.startIndex
        if let colon = authority[afterBracket...].lastIndex(of: UInt8(ascii: ":")) {
            port = String(decoding: authority[authority.index(after: colon)...], as: UTF8.self)
            authority = authority[..<colon]
        } else {
            port = nil
        }
        host = String(decoding: authority, as: UTF8.self).lowercased()
    }

    /// The address for messages: without a user or a password.
    var shown: String { host.isEmpty ? "\(method):\(path)" : "\(method)://\(host)\(port.map { ":\($0)" } ?? "")\(path)" }

    static func withoutSlash(_ uri: String) -> String { uri.utf8.last == UInt8(ascii: "/") ? String(decoding: uri.utf8.dropLast(), as: UTF8.self) : uri }
}
