import ApplianceModel
import FoundationEssentials
import HostSystem
import Quoting
import SystemPackage
import TestSupport
import Testing

/// What leads a client to the database, and what is refused there.
extension GuestTests.DeployedGuestTests {
    @Test("The URI, the variables, the service and the JDBC address lead a client to the database, and hold no password")
    func connectionForms() async throws {
        let guest = try await Guests.undisturbed().guest
        let passwords = try Secrets.passwords(of: guest)
        #expect(passwords.count == 3)
        let question = "SELECT current_user, ssl, version FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
        let answer = "\(SharedSpec.oddRole)|t|TLSv1.3\n"
        func text(_ form: String) async throws -> String {
            let text = try await guest.home.check("connection", guest.name, "--as", form)
            #expect(!passwords.contains { text.contains($0) })
            return text
        }
        for form in ["uri", "libpq"] { #expect(try await guest.psql(text(form), question).outputText == answer) }

        let shell = #"eval "$1"; exec psql -XAtw -c "$2""#
        #expect(try await ProgramRunner.check("sh", ["-euc", shell, "sh", text("env"), question]).outputText == answer)

        let file = guest.home.path.appending("service.conf")
        try Files.write(try await text("service"), to: file)
        #expect(try await guest.psql("service=\(guest.name)", question, environment: ["PGSERVICEFILE": file.string]).outputText == answer)

        let port = try #require(try await guest.status().postgresql).port
        #expect(try await text("jdbc").hasPrefix("jdbc:postgresql://127.0.0.1:\(port)/"))
        // What the driver would do: the address is on the certificate, and in the password file.
        let likeJDBC =
            "host=127.0.0.1 port=\(port) dbname=plain user=app sslmode=verify-full sslrootcert=\(guest.certificate) passfile=\(guest.passwordFile)"
        #expect(try await guest.psql(likeJDBC, "SELECT current_user").outputText == "app\n")
    }

    @Test("A wrong password, no TLS, another CA, the superuser and an unknown role are refused")
    func refusedClients() async throws {
        let guest = try await Guests.undisturbed().guest
        let port = try #require(try await guest.status().postgresql).port
        func refusal(_ changes: [String: String], environment: [String: String] = [:]) async throws -> String {
            var parameters = [
                "host": "alpha", "hostaddr": "127.0.0.1", "port": "\(port)", "dbname": "plain", "user": "app", "sslmode": "verify-full",
                "sslrootcert": guest.certificate.string, "passfile": guest.passwordFile.string,
            ]
            parameters.merge(changes) { _, changed in changed }
            let connection = parameters.map { "\($0.key)='\($0.value)'" }.joined(separator: " ")
            let result = try await guest.psql(connection, "SELECT 1", environment: environment)
            #expect(result.status == 2, "\(changes): \(result.outputText)\(result.errorText)")
            #expect(result.outputText.isEmpty)
            return result.errorText
        }
        // Unchanged they do connect: each refusal below has the one reason.
        #expect(
            try await guest.psql(
                "host=alpha hostaddr=127.0.0.1 port=\(port) dbname=plain user=app sslmode=verify-full sslrootcert=\(guest.certificate) passfile=\(guest.passwordFile)",
                "SELECT 1"
            ).outputText == "1\n")

        #expect(try await refusal(["passfile": "/nonexistent"], environment: ["PGPASSWORD": "wrong"]).contains("password authentication failed"))
        #expect(try await refusal(["sslmode": "disable"]).contains("no encryption"))
        #expect(try await refusal(["host": "beta"]).contains("does not match host name"))
        #expect(try await refusal(["user": "postgres"], environment: ["PGPASSWORD": "postgres"]).contains("postgres"))
        #expect(try await refusal(["user": "nobody"], environment: ["PGPASSWORD": "x"]).contains("nobody"))

        let other = guest.home.path.appending("other.crt")
        _ = try await ProgramRunner.check(
            "openssl",
            [
                "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "/dev/null", "-out", other.string,
                "-subj", "/CN=pgkvm alpha", "-days", "2",
            ])
        #expect(try await refusal(["sslrootcert": other.string]).contains("certificate verify failed"))
    }
}
