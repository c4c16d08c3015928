import ApplianceModel
import Basics
import PostgresServer
import Quoting
import Testing

@Suite("Texts for clients")
struct ClientTextTests {
    private func connection(database: String = "shop", user: String = "app", path: String = "/state/demo/ca.crt") throws -> ConnectionText {
        try ConnectionText(
            name: "demo", port: 25432, database: database, user: user, rootCertificate: path, passwordFile: "/state/demo/pgpass",
            socketDirectory: "/state/demo/socket")
    }

    @Test("A URI for every driver dials what it verifies, and has no parameter that only libpq knows")
    func uri() throws {
        #expect(
            try connection().uri
                == "postgresql://app@127.0.0.1:25432/shop?sslmode=verify-full&sslrootcert=%2Fstate%2Fdemo%2Fca.crt"
                + "&passfile=%2Fstate%2Fdemo%2Fpgpass")
    }

    @Test("A URI for libpq verifies the name on the certificate while it dials the address")
    func libpq() throws {
        let text = try connection().libpq
        #expect(
            text
                == "postgresql://app@demo:25432/shop?hostaddr=127.0.0.1&sslmode=verify-full&sslrootcert=%2Fstate%2Fdemo%2Fca.crt"
                + "&channel_binding=require&passfile=%2Fstate%2Fdemo%2Fpgpass&gssencmode=disable&connect_timeout=30")
        #expect(try connection().libpqAlone == text + ["sslcert", "sslkey", "sslcrl"].map { "&\($0)=%2Fnonexistent" }.joined())
    }

    @Test("The text for the Unix socket names its directory, and the port in its name")
    func socket() throws {
        #expect(
            try connection(database: "a/b?c").socket
                == "postgresql://app@/a/b%3Fc?host=%2Fstate%2Fdemo%2Fsocket&port=25432&passfile=%2Fstate%2Fdemo%2Fpgpass")
    }

    @Test("rust-postgres is told no file, and no mode that it does not know")
    func rustPostgres() throws {
        #expect(
            try connection().rustPostgres == "postgresql://app@127.0.0.1:25432/shop?sslmode=require&channel_binding=require&connect_timeout=30")
    }

    @Test("Whatever is special in a URI or a shell is percent-encoded, byte by byte; what is plain in a path stays")
    func encoding() throws {
        let text = try connection(database: "a/b?c#d%e:f@g=h+i,j'k$(l);m&n", user: "ü@:\t/").uri
        #expect(text.hasPrefix("postgresql://%C3%BC%40%3A%09%2F@127.0.0.1:25432/a/b%3Fc%23d%25e:f@g=h+i,j%27k%24%28l%29%3Bm%26n?"))
    }

    @Test("JDBC dials the address, which is on the certificate too, and bounds both times that it counts")
    func jdbc() throws {
        #expect(
            try connection().jdbc
                == "jdbc:postgresql://127.0.0.1:25432/shop?user=app&sslmode=verify-full&sslrootcert=%2Fstate%2Fdemo%2Fca.crt"
                + "&connectTimeout=30&loginTimeout=30")
        #expect(try connection(database: "a+b/c").jdbc.contains("/a%2Bb%2Fc?"))
    }

    @Test("The environment is quoted for the shell")
    func environment() throws {
        let text = try connection(user: "o'brien $x").environment
        #expect(text.contains("export PGUSER='o'\\''brien $x'\n"))
        #expect(try connection(user: "'\u{301}").environment.contains("export PGUSER=''\\''\u{301}'\n"))
        #expect(text.contains("export PGSSLMODE='verify-full'\n"))
    }

    @Test("A service is a section named after the appliance")
    func service() throws {
        let text = try connection().service()
        #expect(text.hasPrefix("[demo]\nhost=demo\nport=25432\ndbname=shop\nuser=app\nhostaddr=127.0.0.1\nsslmode=verify-full\n"))
        #expect(try connection(user: "no-break\u{A0}").service().contains("\nuser=no-break\u{A0}\n"))
        #expect(throws: Failure.self) { try connection(user: "trailing ").service() }
    }

    @Test("Relative paths and newlines are refused")
    func refused() {
        #expect(throws: Failure.self) { try connection(path: "ca.crt") }
        #expect(throws: Failure.self) { try connection(user: "a\nb") }
    }

    @Test("Colons and backslashes in a password file are escaped, newlines refused")
    func passwordFile() throws {
        let entry = PasswordFile.Entry(host: "demo", port: 5432, user: #"a:b\c"#, password: Secret(#"p:\"#))
        let text = try PasswordFile.render([entry]).withRevealed { $0 }
        #expect(text.split(separator: "\n").last == #"demo:5432:*:a\:b\\c:p\:\\"#)
        var marked = entry
        marked.user = ":\u{301}\\\u{301}"
        #expect(
            try PasswordFile.render([marked]).withRevealed { $0 }.utf8.split(separator: 10).last.map { Array($0) }
                == Array("demo:5432:*:\\:\u{301}\\\\\u{301}:p\\:\\\\".utf8))
        var broken = entry
        broken.password = Secret("a\nb")
        #expect(throws: Failure.self) { try PasswordFile.render([broken]) }
    }

    @Test("Generated passwords are long, plain and never the same")
    func passwords() {
        let made = (0..<100).map { _ in GeneratedPassword.make().withRevealed { $0 } }
        #expect(Set(made).count == 100)
        #expect(made.allSatisfy { $0.wholeMatch(of: #/[A-Za-z0-9]{32}/#) != nil })
    }

    @Test("Names and strings are quoted for SQL")
    func sql() throws {
        #expect(try SQLIdentifier(#"a"b"#).text == #""a""b""#)
        #expect(try SQLLiteral("it's").text == "'it''s'")
        #expect(try SQLLiteral(#"\'"#).text == #"E'\\'''"#)
        for name in ["", "a\0b", String(repeating: "ü", count: 32)] { #expect(throws: Unquotable.self) { try SQLIdentifier(name) } }
        #expect(throws: Unquotable.self) { try SQLLiteral("\0") }
    }
}
