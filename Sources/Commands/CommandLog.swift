internal import Deployment
internal import Glibc
internal import HostSystem

/// The debug log of one command.
enum CommandLog {
    /// Begins the log with the command line. No option of this program takes a secret. Anything that looks like a secret, here or later, is left out
    /// all the same.
    static func begin(_ echo: @escaping @Sendable (DebugLog.Level, String) -> Void) -> DebugLog {
        let redactor = Redactor(secrets: [])
        let log = DebugLog(clean: { String(decoding: redactor.redact(Array($0.utf8)), as: UTF8.self) }, echo: echo)
        log.write(.info, "pgkvm \(Version.text), user \(geteuid()): \(CommandText.render(CommandLine.arguments))", echoes: false)
        return log
    }
}
