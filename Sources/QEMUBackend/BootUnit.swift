internal import ApplianceModel
internal import Quoting
internal import SystemPackage

/// The unit that starts an appliance with the host: it runs `pgkvm start`, which makes the unit that QEMU runs in. Pure.
struct BootUnit: Sendable {
    let name: ApplianceName
    /// The path of this program.
    let program: String
    let state: FilePath
    let isRoot: Bool

    /// What wants the unit at boot.
    var target: String { isRoot ? "multi-user.target" : "default.target" }

    static func fileName(of name: ApplianceName) -> String { "pgkvm@\(name).service" }

    /// - Throws: `unsupported` for a path that cannot be written down.
    var text: String {
        get throws {
            let state = try Self.word(state.string)
            // The colon keeps `$` what it is.
            return """
                # Made by pgkvm. 'pgkvm autostart \(name) off' and 'pgkvm delete \(name)' remove it.
                [Unit]
                Description=Start of the PostgreSQL appliance \(name)
                RequiresMountsFor=\(state)

                [Service]
                Type=oneshot
                \(try ownLine)
                ExecStart=:\(try Self.naming(program) { try UnitText.program(program, inFile: true) }) start \(name)
                TimeoutStartSec=infinity
                UMask=0077

                [Install]
                WantedBy=\(target)

                """
        }
    }

    /// The line by which a unit of this state directory is told from another's.
    var ownLine: String { get throws { "Environment=\(try Self.word("PGKVM_HOME=\(state)"))" } }

    private static func word(_ text: String) throws -> UnitText { try naming(text) { try UnitText(fileWord: text) } }

    /// - Throws: `unsupported` for a path that cannot be written down.
    static func naming(_ path: String, _ quote: () throws -> UnitText) throws -> UnitText {
        try Failure.naming("a unit of systemd cannot name '\(path)': it", .unsupported, remedy: "choose another directory", quote)
    }
}
