internal import ApplianceModel
internal import HostSystem
internal import PostgresClient
internal import PostgresServer

/// The passwords of an appliance's roles: generated once, kept in its passfile, never anywhere else.
struct StoredPasswords: Sendable {
    private let passwords: [String: Secret]

    /// Reads the passfile, makes what is missing, and writes it before any role gets its password.
    static func prepare(_ context: DeploymentContext) async throws -> StoredPasswords {
        var passwords = try read(context.directory)
        for role in DatabaseSetup.loginRoles(context.spec) where passwords[role] == nil { passwords[role] = GeneratedPassword.make() }
        let endpoint = try await context.postgresqlEndpoint()
        // By name for libpq, which looks for what was given as host, and by what is dialled for those that cannot give both.
        let dialled = endpoint.host == "127.0.0.1" ? "localhost" : endpoint.host
        let entries = passwords.sorted { $0.key < $1.key }.flatMap { role, password in
            [context.spec.name.rawValue, dialled].map { PasswordFile.Entry(host: $0, port: endpoint.port, user: role, password: password) }
        }
        try PasswordFile.render(entries).withRevealed { try Files.write($0, to: context.directory.passwords) }
        return StoredPasswords(passwords: passwords)
    }

    /// By role; empty when there is no passfile yet.
    static func read(_ directory: ApplianceDirectory) throws -> [String: Secret] {
        guard let bytes = try Files.readIfPresent(directory.passwords) else { return [:] }
        var passwords: [String: Secret] = [:]
        for line in bytes.split(separator: UInt8(ascii: "\n")) where line.first != UInt8(ascii: "#") {
            let fields = split(line).map { String(decoding: $0, as: UTF8.self) }
            if fields.count == 5 { passwords[fields[3]] = Secret(fields[4]) }
        }
        return passwords
    }

    /// The fields of a line, in which a backslash takes the meaning from a colon or another backslash.
    private static func split(_ line: ArraySlice<UInt8>) -> [[UInt8]] {
        var fields: [[UInt8]] = [[]]
        var isEscaped = false
        for byte in line {
            if !isEscaped, byte == UInt8(ascii: "\\") {
                isEscaped = true
            } else if !isEscaped, byte == UInt8(ascii: ":") {
                fields.append([])
            } else {
                fields[fields.count - 1].append(byte)
                isEscaped = false
            }
        }
        return fields
    }

    /// The script that makes roles and databases. It holds verifiers, made here: the passwords never leave this host.
    func setupScript(for spec: ApplianceSpec, version: Int) throws -> Secret {
        var verifiers: [String: String] = [:]
        for role in DatabaseSetup.loginRoles(spec) {
            guard let password = passwords[role] else { continue }
            verifiers[role] = try PasswordVerifier.scramSHA256(password: password, role: role)
        }
        return try DatabaseSetup(
            version: version, roles: spec.postgresql.roles, databases: spec.postgresql.databases, verifiers: verifiers
        ).script()
    }
}
