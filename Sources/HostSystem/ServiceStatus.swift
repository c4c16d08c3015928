internal import Basics
internal import Glibc
internal import Quoting
internal import SystemPackage

/// The line in which systemd shows what a service is doing: `Status:` of `systemctl status`.
package enum ServiceStatus {
    /// The maximum length that is sent to systemd.
    private static let limit = 400

    /// Reports the text to systemd, where systemd runs this program as a service that may do so; otherwise does nothing.
    package static func tell(_ text: String) {
        guard let socket = EnvironmentVariable.value("NOTIFY_SOCKET") else { return }
        tell(text, at: socket)
    }

    /// - Parameter socket: a path, or a name that begins with `@`.
    static func tell(_ text: String, at socket: String) {
        // A single line: the next line would be another message.
        let line = text.split(at: "\n").map { $0.drop { $0 == " " } }.reduce(into: "") { line, part in
            line += (line.isEmpty ? "" : line.utf8.last == UInt8(ascii: ":") ? " " : "; ") + part
        }
        try? Sockets.send(Array("STATUS=\(line.prefix(limit))\n".utf8), to: socket)
    }
}
