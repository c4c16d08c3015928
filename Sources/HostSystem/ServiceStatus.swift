internal import Basics
internal import Glibc
internal import Quoting
internal import SystemPackage

/// The line by which systemd shows what a service does: `Status:` of `systemctl status`.
package enum ServiceStatus {
    /// What systemd may be sent at most.
    private static let limit = 400

    /// Tells systemd, where it runs this program as a service that may say so; else this does nothing.
    package static func tell(_ text: String) {
        guard let socket = EnvironmentVariable.value("NOTIFY_SOCKET") else { return }
        tell(text, at: socket)
    }

    /// - Parameter socket: a path, or a name that begins with `@`.
    static func tell(_ text: String, at socket: String) {
        // One line: the next one would be another message.
        let line = text.split(at: "\n").map { $0.drop { $0 == " " } }.reduce(into: "") { line, part in
            line += (line.isEmpty ? "" : line.utf8.last == UInt8(ascii: ":") ? " " : "; ") + part
        }
        try? Sockets.send(Array("STATUS=\(line.prefix(limit))\n".utf8), to: socket)
    }
}
