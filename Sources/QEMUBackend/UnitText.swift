internal import ApplianceModel
internal import SystemPackage

/// Text as systemd's unit files want it. Pure.
enum UnitText {
    /// A word in double quotes, with the meaning of `%` taken away.
    /// - Throws: `unsupported` for control characters, which not every setting can hold.
    static func quoted(_ text: String) throws -> String {
        let word = try word(text).replacing("%", with: "%%")
        return word.hasPrefix("\"") ? word : "\"\(word)\""
    }

    /// The words that run a program, each quoted by `quote`. systemd takes no quotes and backslashes in the name of what it executes; `env` does.
    static func program(_ path: String, quote: (String) throws -> String) throws -> String {
        let isTaken = !path.contains { "\"'\\".contains($0) }
        return try (isTaken ? "" : "/usr/bin/env ") + quote(path)
    }

    /// A word of a command, in double quotes where it needs them.
    static func word(_ text: String) throws -> String {
        guard !text.unicodeScalars.contains(where: { $0.value < 0x20 || $0.value == 0x7f }) else {
            throw Failure(.unsupported, "a unit of systemd cannot name a path with control characters", remedy: "choose another directory")
        }
        let isPlain = text.utf8.allSatisfy { byte in
            let scalar = Unicode.Scalar(byte)
            return byte < 0x80 && (scalar.properties.isAlphabetic || scalar.properties.numericType != nil || "/._-+:@=,".unicodeScalars.contains(scalar))
        }
        guard !isPlain || text.isEmpty else { return text }
        return "\"" + text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"") + "\""
    }
}

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
            let state = try UnitText.quoted(state.string)
            // The colon keeps `$` what it is.
            return """
                # Made by pgkvm. 'pgkvm autostart \(name) off' and 'pgkvm delete \(name)' remove it.
                [Unit]
                Description=Start of the PostgreSQL appliance \(name)
                RequiresMountsFor=\(state)

                [Service]
                Type=oneshot
                \(try ownLine)
                ExecStart=:\(try UnitText.program(program, quote: UnitText.quoted)) start \(name)
                TimeoutStartSec=infinity
                UMask=0077

                [Install]
                WantedBy=\(target)

                """
        }
    }

    /// The line by which a unit of this state directory is told from another's.
    var ownLine: String { get throws { "Environment=\(try UnitText.quoted("PGKVM_HOME=\(state)"))" } }
}
