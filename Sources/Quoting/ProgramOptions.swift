/// A value in a configuration file of curl, in double quotes.
package struct CurlValue: QuotedText {
    package let text: String

    /// - Throws: for a control character: a line break would begin another option, and curl has escapes for only a few of the others.
    package init(_ value: String) throws(Unquotable) {
        guard !value.unicodeScalars.contains(where: { $0.value < 0x20 || $0.value == 0x7f }) else { throw Unquotable("has a control character") }
        text = "\"" + value.escaping("\\", "\"") + "\""
    }

    /// A file for curl's option `form`, which has its own quotes within the value: the path, and the name under which it is sent.
    /// - Throws: for a control character.
    package init(formFile path: String, name: String, part: String) throws(Unquotable) {
        let path = path.escaping("\\", "\"")
        let name = name.escaping("\\", "\"")
        try self.init("\(part)=@\"\(path)\";filename=\"\(name)\";type=application/octet-stream")
    }
}

/// The value of an option in one of QEMU's comma-separated arguments.
package struct QEMUValue: QuotedText {
    package let text: String

    /// QEMU's option parser reads a doubled comma as a comma.
    package init(_ value: String) { text = value.doubling(",") }
}

/// A value within a property of Proxmox VE: `STORE:0,iothread=1,cache=none`. Properties have no quotes.
package struct ProxmoxPropertyValue: QuotedText {
    package let text: String

    /// - Throws: for an empty value, and for one that would begin another part.
    package init(_ value: String) throws(Unquotable) {
        let isPlain = value.unicodeScalars.allSatisfy { !",=".unicodeScalars.contains($0) && !$0.properties.isWhitespace && !$0.isControl }
        guard isPlain, !value.isEmpty else { throw Unquotable("has blanks, commas or equals signs, which have a meaning there") }
        text = value
    }
}

/// A path in a command of debugfs.
package struct DebugfsPath: QuotedText {
    package let text: String

    /// The path in double quotes, in which a doubled quote means a quote.
    package init(_ path: String) { text = "\"" + path.doubling("\"") + "\"" }

    /// The path that debugfs shows, quoted or not.
    package static func unquoted(_ shown: some StringProtocol) -> String {
        let scalars = shown.unicodeScalars
        guard scalars.first == "\"", scalars.last == "\"", scalars.count > 1 else { return String(shown) }
        var result = "".unicodeScalars
        var isSecond = false
        for scalar in scalars.dropFirst().dropLast() {
            if scalar == "\"", isSecond {
                isSecond = false
                continue
            }
            isSecond = scalar == "\""
            result.append(scalar)
        }
        return String(result)
    }
}
