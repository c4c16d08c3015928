internal import ApplianceModel
internal import PostgresClient
internal import Quoting
internal import Reports

/// What a client sees of the server, through libpq from this host.
enum PostgresChecks {
    static let group = CheckGroup(name: .postgresql, check: "postgresql.connection") { run, _ in
        let target = run.target
        let connection = try await target.connect()
        var findings = [
            Finding(
                check: "postgresql.connection", level: .pass, measured: "verify-full, channel binding, SCRAM-SHA-256",
                expected: "an authenticated, encrypted connection")
        ]
        do {
            findings.append(version(connectionVersion: await connection.serverVersion, asked: target.postgresqlVersion))
            findings.append(tls(await connection.tls))
            findings.append(try await checksums(connection))
            findings.append(try await encoding(connection))
            findings.append(LocaleChecks.judge(try await LocaleChecks.databases(connection), target.spec, version: target.postgresqlVersion))
            findings.append(try await commit(connection, target))
        } catch {
            await connection.close()
            throw error
        }
        await connection.close()
        return findings
    }

    private static func version(connectionVersion: Int, asked: Int) -> Finding {
        let major = connectionVersion / 10_000
        return Finding(
            check: "postgresql.version", level: major == asked ? .pass : .fail, measured: "\(major).\(connectionVersion % 10_000)",
            expected: "\(asked)", remedy: major == asked ? nil : "another server answers on this port: pgkvm status")
    }

    private static func tls(_ status: TLSStatus?) -> Finding {
        guard let status else {
            return Finding(
                check: "postgresql.tls", level: .fail, measured: "no TLS", expected: "TLS 1.3", remedy: "look at ssl in the guest's conf.d")
        }
        let isCurrent = status.version == "TLSv1.3"
        return Finding(
            check: "postgresql.tls", level: isCurrent ? .pass : .warn, measured: "\(status.version), \(status.cipher)", expected: "TLSv1.3",
            remedy: isCurrent ? nil : "update libpq and OpenSSL on this host")
    }

    private static func checksums(_ connection: PostgresConnection) async throws -> Finding {
        let isOn = try await connection.query("SHOW data_checksums").only().text("data_checksums") == "on"
        let failures = try await connection.query(
            "SELECT coalesce(sum(checksum_failures), 0)::text AS failures FROM pg_stat_database"
        ).only().text("failures")
        let passed = isOn && failures == "0"
        return Finding(
            check: "postgresql.checksums", level: passed ? .pass : .fail, measured: "\(isOn ? "on" : "off"), \(failures) failures",
            expected: "on, 0 failures",
            remedy: passed ? nil : isOn ? "a page was damaged: restore from a backup" : "stop the server and run pg_checksums --enable")
    }

    private static func encoding(_ connection: PostgresConnection) async throws -> Finding {
        let encoding = try await connection.query("SHOW server_encoding").only().text("server_encoding")
        return Finding(
            check: "postgresql.encoding", level: encoding == "UTF8" ? .pass : .fail, measured: encoding, expected: "UTF8",
            remedy: encoding == "UTF8" ? nil : "dump, create the database with encoding UTF8, restore")
    }

    /// Commits a row and reads it over a second connection.
    private static func commit(_ connection: PostgresConnection, _ target: VerificationTarget) async throws -> Finding {
        let token = try await CommitProbe.write(connection)
        let row = try await CommitProbe.read(target)
        return Finding(
            check: "postgresql.commit", level: row == token ? .pass : .fail,
            measured: row == token ? "the committed row came back over a second connection" : "another row came back",
            expected: "the committed row", remedy: row == token ? nil : "look at synchronous_commit and the server's log")
    }
}
