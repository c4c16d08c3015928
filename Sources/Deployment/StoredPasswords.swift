internal import ApplianceModel
internal import Basics
internal import HostSystem
internal import PostgresClient
internal import PostgresServer
internal import SystemPackage

/// The passwords of an appliance's roles: generated once, stored in its passfile and nowhere else.
struct StoredPasswords: Sendable {
    private let passwords: [String: Secret]

    /// The size limit of the passfile: some 10,000 roles.
    private static let mostBytes = ByteSize.mebibytes(16)

    /// Reads the passfile, generates missing passwords, and writes them before any role gets its password.
    /// - Parameter hosts: the names and addresses of the server's certificate: a client looks up the one that it uses as host.
    static func prepare(_ context: DeploymentContext, hosts: [String]) async throws -> StoredPasswords {
        var passwords = try read(context.directory)
        for role in DatabaseSetup.loginRoles(context.spec) where passwords[role] == nil { passwords[role] = GeneratedPassword.make() }
        let stored = StoredPasswords(passwords: passwords)
        let passfile = try await stored.passfile(context, hosts: hosts)
        try passfile.withRevealed { try Files.write($0, to: context.directory.passwords) }
        return stored
    }

    /// Whether the passfile has what `prepare` would write.
    static func isCurrent(_ context: DeploymentContext, hosts: [String]) async throws -> Bool {
        let passwords = try read(context.directory)
        guard DatabaseSetup.loginRoles(context.spec).allSatisfy({ passwords[$0] != nil }) else { return false }
        let wanted = try await StoredPasswords(passwords: passwords).passfile(context, hosts: hosts)
        let present = try Files.readIfPresent(context.directory.passwords)
        return wanted.withRevealed { Array($0.utf8) == present }
    }

    /// libpq uses the directory of a Unix socket as the host.
    private func passfile(_ context: DeploymentContext, hosts: [String]) async throws -> Secret {
        let hosts = hosts + [context.directory.socket.string]
        let port = try await context.postgresqlEndpoint().port
        return try PasswordFile.render(
            passwords.sorted { $0.key < $1.key }.flatMap { role, password in
                hosts.map { PasswordFile.Entry(host: $0, port: port, user: role, password: password) }
            })
    }

    /// By role, using the first line for each, as libpq does; empty if there is no passfile yet.
    /// - Throws: `file.unreadable`, also for a file that is too large to be one of pgkvm's.
    static func read(_ directory: ApplianceDirectory) throws -> [String: Secret] {
        guard let bytes = try Files.readRegularIfPresent(directory.passwords, atMost: Int(mostBytes.bytes)) else { return [:] }
        var passwords: [String: Secret] = [:]
        for line in bytes.split(separator: UInt8(ascii: "\n")) where line.first != UInt8(ascii: "#") {
            let fields = split(line).map { String(decoding: $0, as: UTF8.self) }
            if fields.count == 5, passwords[fields[3]] == nil { passwords[fields[3]] = Secret(fields[4]) }
        }
        return passwords
    }

    /// The fields of a line. A backslash escapes a colon or another backslash.
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

    /// The script that creates roles and databases. It holds verifiers that are computed here, so the passwords never leave this host.
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

extension ServerContent {
    /// The server's names and addresses in its certificate, as a client may use them as host.
    var hosts: [String] { names + addresses.map(\.description) }
}
