import ApplianceModel
import PostgresServer
import SystemPackage
import TestSupport
import Testing

@Suite("Values in conf.d, as the server reads them", .postgresCluster, .serialized)
struct SettingQuotingTests {
    let cluster: PostgresCluster

    init() throws { cluster = try #require(PostgresCluster.current) }

    /// What the server makes of values in a rendered `90-spec.conf`, in their order; the fault is the first that it finds.
    private func read(_ values: [String], as directory: String) async throws -> (found: [[UInt8]], fault: String) {
        let settings = Dictionary(uniqueKeysWithValues: values.enumerated().map { ("my_app.v\($0.offset)", $0.element) })
        let configuration = ServerConfiguration(spec: try makeSpec("orders") { $0.postgresql.settings = settings }, layout: RenderedServer.layout(cluster))
        let file = try #require(try configuration.files().first { $0.path == "conf.d/90-spec.conf" })
        let path = cluster.dataDirectory.appending("\(directory).conf")
        try await cluster.write(file.text, to: path)
        try await cluster.write("include = '\(path)'\n", to: cluster.dataDirectory.appending("postgresql.auto.conf"))
        let rows = try await cluster.psql(
            """
            SELECT substr(name, 9), encode(convert_to(setting, 'UTF8'), 'hex') FROM pg_file_settings WHERE sourcefile = '\(path)' AND error IS NULL
            """)
        var found: [Int: [UInt8]] = [:]
        for row in rows.split(separator: "\n") {
            let fields = row.split(separator: "|", omittingEmptySubsequences: false)
            found[try #require(Int(fields[0]))] = try bytes(hexadecimal: String(fields[1]))
        }
        let fault = try await cluster.psql("SELECT coalesce(min(sourceline || ': ' || error), '') FROM pg_file_settings WHERE error IS NOT NULL")
        return (values.indices.map { found[$0] ?? [] }, fault)
    }

    private func bytes(hexadecimal text: String) throws -> [UInt8] {
        let digits = Array(text)
        return try stride(from: 0, to: digits.count, by: 2).map { try #require(UInt8(String(digits[$0..<$0 + 2]), radix: 16)) }
    }

    @Test("A fraction with a unit, and every other value that the grammar does not take bare, comes back as it was written")
    func known() async throws {
        let values = [
            "0.25GB", "1.5h", "-0.5", "0.9", ".5", "5.", "-", "--1", "+1", "1e5", "1.5e3", "1E-2", "0x1F", "0x", "-1", "007", "16MB", "16 MB", "on", "On",
            "a-b",
            "a.b", "a b", "", "'", "''", "'\u{301}", "x'\u{301} = 1", "\\", "\\'", "\\\u{308}", "#", "a#b", "a = b", "\n", "\r\n", "a\tb", "\u{1}", "é",
            "e\u{301}",
            "1\u{301}", "on\u{301}", "\u{2028}", "\u{feff}x", "{{name}}", "{{{a}}}", "it's \"x\"", "%m [%p] ", "\"$user\", public", "include 'x'", "$1", "_x",
            "ünit",
            "10kB'", "1_000", "🐘",
        ]
        let (found, fault) = try await read(values, as: "known")
        #expect(fault == "\n")
        for (value, bytes) in zip(values, found) { #expect(bytes == Array(value.utf8), "\(value.debugDescription)") }
    }

    @Test("Thousands of generated values come back byte for byte", arguments: 0..<4 as Range<UInt64>)
    func generated(seed: UInt64) async throws {
        var random = RepeatableRandom(seed: seed)
        let pieces = [
            "0", "1", "9", "10", ".", "-", "+", "e", "E", "x", "GB", "kB", "ms", "min", "_", "a", "Z", "'", "''", "\\", "\\n", "\n", "\r", "\t", " ", "#", "=",
            "\"",
            "$", "%", "{", "}", "{{", "/", ":", ",", "@", "\u{301}", "\u{7f}", "é", "🐘", "\u{2028}", "\u{feff}",
        ]
        let values = (0..<1000).map { _ in
            (0..<Int.random(in: 1...6, using: &random)).map { _ in pieces.randomElement(using: &random) ?? "" }.joined()
        }
        let (found, fault) = try await read(values, as: "generated-\(seed)")
        #expect(fault == "\n")
        for (value, bytes) in zip(values, found) { #expect(bytes == Array(value.utf8), "\(value.debugDescription)") }
    }
}
