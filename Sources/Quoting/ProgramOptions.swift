/// A value in a configuration file of curl's, in its double quotes.
package struct CurlValue: QuotedText {
    package let text: String

    /// - Throws: for a control character: a line break would begin another option, and of the others curl has escapes for a few only.
    package init(_ value: String) throws(Unquotable) {
        guard !value.unicodeScalars.contains(where: { $0.value < 0x20 || $0.value == 0x7f }) else { throw Unquotable("has a control character") }
        text = "\"" + value.escaping("\\", "\"") + "\""
    }

    /// A file for curl's option `form`, which has quotes of its own within the value: its path, and the name under which it is sent.
    /// - Throws: for a control character.
    package init(formFile path: String, name: String, part: String) throws(Unquotable) {
        let path = path.escaping("\\", "\"")
        let name = name.escaping("\\", "\"")
        try self.init("\(part)=@\"\(path)\";filename=\"\(name)\";type=application/octet-stream")
    }
}

/// The value of an option in a comma-separated argument of QEMU's.
package struct QEMUValue: QuotedText {
    package let text: String

    /// QEMU's option parser takes a doubled comma for a comma.
    package init(_ value: String) { text = value.doubling(",") }
}

/// A value within a property of Proxmox VE: `STORE:0,iothread=1,cache=none`. There are no quotes there.
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

    /// The path in double quotes, in which a doubled one stands for itself.
    package init(_ path: String) { text = "\"" + path.doubling("\"") + "\"" }

    /// What debugfs shows of a path, quoted or not.
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
