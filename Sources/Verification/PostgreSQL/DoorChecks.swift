internal import ApplianceModel
internal import Basics
internal import HostSystem
internal import PostgresClient
internal import Reports
internal import SystemPackage

/// Tries, from this host, every way into the server that must be shut.
enum DoorChecks {
    static let group = CheckGroup(name: .postgresql, check: "postgresql.doors") { run, _ in
        let good = try await run.target.parameters()
        let roles = run.target.spec.postgresql.roles
        var report = DoorReport()
        try await withStrangeAuthority(beside: good.rootCertificatePath) { authority in
            for door in doors(name: good.host, strangeAuthority: authority) + ReplicationDoors.doors(of: roles) {
                report.add(door, try await door.attempt(good))
            }
        }
        return [
            report.finding(
                check: "postgresql.doors", others: try await ReplicationDoors.obstacles(for: roles, run.target.shell, version: run.target.postgresqlVersion),
                expected: "every attempt refused, each for its own reason",
                remedy: "look at pg_hba.conf and the certificate in the guest; 'pgkvm deploy' writes them anew")
        ]
    }

    /// - Parameters:
    ///   - name: the server's own name.
    ///   - strangeAuthority: a file with the certificate of a CA that is unrelated to the server.
    static func doors(name: String, strangeAuthority: FilePath) -> [Door] {
        [
            Door("plaintext", .server("28000")) { $0.sslMode = .disable },
            Door("another CA", .client("certificate verify failed")) { $0.rootCertificatePath = strangeAuthority.string },
            Door("another name", .client("does not match host name")) { $0.host = "not-\(name)" },
            Door("wrong password", .server("28P01")) { $0.password = randomPassword() },
            // The answer is the same as for a wrong password, so that a client cannot find out which roles exist.
            Door("unknown role", .server("28P01")) { $0.user = "pgkvm-nobody-\(UInt32.random(in: 0 ... .max))" },
            // The one database that no line of pg_hba.conf opens, except for the spec's replicating roles.
            Door("replication", .server("28000")) { $0.isReplication = true },
        ]
    }

    static func randomPassword() -> Secret { Secret(String(UInt64.random(in: 0 ... .max), radix: 36)) }

    /// libpq reads a CA only from a file. The file is beside the appliance's own CA, where the next deployment removes what a killed run left.
    private static func withStrangeAuthority(beside own: String?, _ body: (FilePath) async throws -> Void) async throws {
        let parent = own.map { FilePath($0).removingLastComponent() } ?? "/tmp"
        let directory = try Files.createTemporaryDirectory(in: parent, prefix: ".doors")
        do {
            let file = directory.appending("ca.crt")
            try Files.write(strangeAuthority, to: file)
            try await body(file)
        } catch {
            try? Files.remove(directory)
            throw error
        }
        try Files.remove(directory)
    }

    /// A CA whose key was never kept.
    private static let strangeAuthority = """
        -----BEGIN CERTIFICATE-----
        MIIBnTCCAUOgAwIBAgIUdIUyKhFejbQKwMcp8PfAj7hamwUwCgYIKoZIzj0EAwIw
        IzEhMB8GA1UEAwwYcGdrdm0gbm9ib2R5J3MgYXV0aG9yaXR5MCAXDTI2MTEyMjIy
        NTcyM1oYDzIxMjYxMDI5MjI1NzIzWjAjMSEwHwYDVQQDDBhwZ2t2bSBub2JvZHkn
        cyBhdXRob3JpdHkwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAASV5tQPkZsbQ7QI
        kUi5xEr62WNuex1ywbAUuFETl01br9G+RQrYURqPV7+nRPJMI8/psev4pNFPcfi3
        t+vQ7g9eo1MwUTAdBgNVHQ4EFgQUALBA8XiI4eXrdd031MDOr3fk83cwHwYDVR0j
        BBgwFoAUALBA8XiI4eXrdd031MDOr3fk83cwDwYDVR0TAQH/BAUwAwEB/zAKBggq
        hkjOPQQDAgNIADBFAiAoDAobVSSoNBrX+O9F0zcKkBcxRy5O93Urm0wEDyRYxwIh
        AIfEWH4ynlPsIXkyW+8a34J3NbD5uRw9rpIEu8VB034W
        -----END CERTIFICATE-----

        """
}
