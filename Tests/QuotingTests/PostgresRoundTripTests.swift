import HostSystem
import Quoting
import SystemPackage
import TestSupport
import Testing

@Suite("Names and values, as PostgreSQL, psql and libpq read them", .postgresCluster, .serialized)
struct PostgresRoundTripTests {
    let cluster: PostgresCluster

    init() throws { cluster = try #require(PostgresCluster.current) }

    private let odd = GeneratedText.pieces + GeneratedText.lineBreaks + GeneratedText.controls

    private func values(_ script: String, database: String = "postgres") async throws -> [[UInt8]] {
        GeneratedText.bytes(hexadecimalLines: Array(try await cluster.psql(script, database: database).utf8))
    }

    @Test("A literal comes back byte for byte")
    func literals() async throws {
        let texts = GeneratedText.joined(["'", "\\", ":", "$"]) + GeneratedText.texts(0.1, seed: 1, pieces: odd)
        try await GeneratedText.expectReadBack(texts, portion: 5000) { texts in
            let rows = try texts.enumerated().map { "(\($0.offset),\(try SQLLiteral($0.element)))" }.joined(separator: ",\n")
            return try await values("SELECT encode(convert_to(v, 'UTF8'), 'hex') FROM (VALUES \(rows)) t(n, v) ORDER BY n;")
        }
    }

    @Test("A literal means the same without standard_conforming_strings")
    func oldLiterals() async throws {
        let texts = GeneratedText.texts(0.002, seed: 2, pieces: odd)
        try await GeneratedText.expectReadBack(texts) { texts in
            let rows = try texts.enumerated().map { "(\($0.offset),\(try SQLLiteral($0.element)))" }.joined(separator: ",\n")
            return try await values(
                """
                SET standard_conforming_strings = off; SET escape_string_warning = off; SET backslash_quote = off;
                SELECT encode(convert_to(v, 'UTF8'), 'hex') FROM (VALUES \(rows)) t(n, v) ORDER BY n;
                """)
        }
    }

    @Test("A name comes back byte for byte")
    func names() async throws {
        let texts = GeneratedText.joined(["\"", "\\"]) + GeneratedText.texts(0.05, seed: 3, pieces: odd, longest: SQLIdentifier.longest)
        try await GeneratedText.expectReadBack(texts.map { $0.isEmpty ? "x" : $0 }, portion: 1000) { texts in
            let columns = try texts.enumerated().map { "\($0.offset) AS \(try SQLIdentifier($0.element))" }.joined(separator: ", ")
            return try await values("SELECT encode(convert_to(key, 'UTF8'), 'hex') FROM json_each(row_to_json((SELECT r FROM (SELECT \(columns)) r)));")
        }
    }

    @Test("psql connects to the database that is meant, and does nothing else")
    func connect() async throws {
        let marks: [Unicode.Scalar] = ["\u{301}", "\u{200d}", "\u{fe0f}"]
        let names =
            ["'", "\"", "\\", "`", ":", "|", ";", "=", "%", " "].flatMap { special in marks.map { "x\(special)\($0)\\! false\(special)" } }
            + ["dbname=postgres", "postgresql://h/x", "a b", "service='x'", ":x", ":'x'", "`id`", "-x"]
        for name in names {
            let identifier = try SQLIdentifier(name)
            let found = try await values(
                """
                CREATE DATABASE \(identifier) STRATEGY file_copy;
                \\connect -reuse-previous=on \(try PsqlConnectArgument(database: name))
                SELECT encode(convert_to(current_database(), 'UTF8'), 'hex');
                \\connect -reuse-previous=on dbname=postgres
                DROP DATABASE \(identifier);
                """)
            #expect(found == [Array(name.utf8)], "\(name.debugDescription)")
        }
    }

    @Test(
        "What ends a line of psql's, and what no name can be, is refused",
        arguments: ["a\nb", "a\r", "\n\u{301}", "", "a\0b", String(repeating: "x", count: 64)])
    func refused(name: String) { #expect(throws: Unquotable.self) { try PsqlConnectArgument(database: name) } }

    @Test("A value in conf.d comes back byte for byte")
    func settings() async throws {
        let texts = GeneratedText.joined(["'", "\\", "#", "\n"]) + GeneratedText.texts(0.02, seed: 4, pieces: odd)
        let file = cluster.dataDirectory.appending("round-trip.conf")
        try await cluster.write("include = 'round-trip.conf'\n", to: cluster.dataDirectory.appending("postgresql.auto.conf"))
        // The server's view of its files takes time by the square of their lines.
        try await GeneratedText.expectReadBack(texts, portion: 2000) { texts in
            try await cluster.write(texts.enumerated().map { "my_app.v\($0.offset) = \(ConfigurationValue($0.element))\n" }.joined(), to: file)
            return try await values(
                """
                SELECT encode(convert_to(setting, 'UTF8'), 'hex') FROM pg_file_settings
                WHERE sourcefile = '\(file)' AND error IS NULL ORDER BY substr(name, 9)::int;
                """)
        }
    }

    @Test("A role in pg_hba.conf comes back byte for byte")
    func roles() async throws {
        let texts = GeneratedText.joined(["\"", ",", "+"]) + GeneratedText.texts(0.01, seed: 5).filter { !$0.utf8.starts(with: "/".utf8) }
        let file = cluster.dataDirectory.appending("pg_hba.conf")
        let former = try Files.readText(file)
        try await GeneratedText.expectReadBack(texts, portion: 5000) { texts in
            try await cluster.write(
                texts.map { "local all \(AccessFileRole($0, version: cluster.majorVersion)) reject\n" }.joined(), to: file)
            return try await values(
                "SELECT encode(convert_to(user_name[1], 'UTF8'), 'hex') FROM pg_hba_file_rules WHERE error IS NULL ORDER BY line_number;")
        }
        try await cluster.write(former, to: file)
    }

    @Test("A password, a user and a database in a password file are found again")
    func passwordFile() async throws {
        let directory = try Files.createTemporaryDirectory(in: "/tmp", prefix: "pgkvm-quoting")
        defer { try? Files.remove(directory) }
        let texts = GeneratedText.joined([":", "\\"]) + GeneratedText.texts(0.02, seed: 6, pieces: GeneratedText.pieces + GeneratedText.controls)
        try await GeneratedText.expectReadBack(texts, portion: 200) { texts in
            let file = directory.appending("pgpass")
            let lines = try texts.enumerated().map { index, text in
                let field = try PassfileField(text)
                return "h\(index):1:\(field):\(field):\(field)\n"
            }
            try Files.write(Array(lines.joined().utf8), to: file)
            return try await GeneratedText.readBack("passfile", ([file.string] + texts).separatedByNUL)
        }
    }

    @Test("A value in a service file is found again, or refused")
    func serviceFile() async throws {
        let directory = try Files.createTemporaryDirectory(in: "/tmp", prefix: "pgkvm-quoting")
        defer { try? Files.remove(directory) }
        let texts = GeneratedText.joined(["=", "\\", "#", "]"]) + GeneratedText.texts(0.01, seed: 7)
        let held = texts.filter { (try? ServiceFileValue($0)) != nil }
        #expect(held.count > texts.count / 2)
        try await GeneratedText.expectReadBack(held, portion: 500) { texts in
            let file = directory.appending("pg_service.conf")
            let lines = try texts.enumerated().map { "[s\($0.offset)]\ndbname=\(try ServiceFileValue($0.element))\n" }
            try Files.write(Array(lines.joined().utf8), to: file)
            return try await GeneratedText.readBack("service", [file.string, "\(texts.count)"].separatedByNUL)
        }
        for text in ["a\nb", "a\n\u{301}", "a ", "a\t", "\r"] { #expect(throws: Unquotable.self) { try ServiceFileValue(text) } }
    }

    @Test("A database in a URI, and in keywords and values, is what libpq finds")
    func connectionStrings() async throws {
        let texts = GeneratedText.joined(["'", "%"]) + GeneratedText.texts(0.05, seed: 8, pieces: odd).filter { !$0.isEmpty }
        try await GeneratedText.expectReadBack(texts) { texts in
            try await GeneratedText.readBack("conninfo", texts.map { ConninfoText(dbname: $0).text }.separatedByNUL)
        }
        try await GeneratedText.expectReadBack(texts) { texts in
            try await GeneratedText.readBack("conninfo", texts.map { "postgresql://u@h:1/\(URIPart($0))?sslmode=require" }.separatedByNUL)
        }
        try await GeneratedText.expectReadBack(texts) { texts in
            try await GeneratedText.readBack("conninfo", texts.map { "postgresql://u@h:1/\(URIPart(path: $0))?sslmode=require" }.separatedByNUL)
        }
    }
}
