import Foundation
import Testing

@testable import Deployment

@Suite("Taking secrets out")
struct RedactorTests {
    private let secret = "Zq8/pT+3vR7kL2mN9xW4"

    private func clean(_ text: String) -> String {
        String(decoding: Redactor(secrets: [Array(secret.utf8)]).redact(Array(text.utf8)), as: UTF8.self)
    }

    @Test("A known secret goes in plain, hexadecimal and base64 form, wherever it begins in what is encoded")
    func forms() {
        let bytes = Array(secret.utf8)
        let lower = bytes.map { String(UInt16($0) + 0x100, radix: 16).dropFirst() }.joined()
        #expect(clean("a \(secret) b") == "a <redacted> b")
        #expect(clean(lower) == "<redacted>")
        #expect(clean(lower.uppercased()) == "<redacted>")
        #expect(clean(secret.replacing("/", with: #"\/"#)) == "<redacted>")
        for before in ["", "x", "xy", "xyz"] {
            let encoded = Data((before + secret + "after").utf8).base64EncodedString()
            for form in [encoded, encoded.replacing("+", with: "-").replacing("/", with: "_"), encoded.replacing("/", with: #"\/"#)] {
                let rest = clean(form)
                #expect(rest.contains("<redacted>"), "\(before): \(form)")
                // What is left of it are the characters at the ends, which hold bits of its neighbours.
                #expect(rest.replacing("<redacted>", with: "").count <= encoded.count - secret.count * 4 / 3 + 4)
            }
        }
    }

    @Test("What is none stays as it is")
    func innocent() {
        let text = "LOG:  password authentication failed for user \"app\"\npassword_encryption is scram-sha-256\nhttp://host/path?a=b\n\u{1}bytes\n"
        #expect(clean(text) == text)
        #expect(Redactor(secrets: [Array("short".utf8)]).redact(Array("short".utf8)) == Array("short".utf8))
        #expect(clean("") == "")
    }

    @Test(
        "What looks like a secret goes although nobody knows it",
        arguments: [
            (#"ALTER ROLE app PASSWORD 'geheim''s'"#, "geheim"), ("CREATE USER x WITH PASSWORD\n'geheim'".replacing("\n", with: " "), "geheim"),
            ("host=a password=geheim user=b", "geheim"), ("PGPASSWORD=geheim psql", "geheim"), (#"{"password" : "geheim"}"#, "geheim"),
            ("postgresql://app:geheim@127.0.0.1/db", "geheim"), ("SCRAM-SHA-256$4096:c2FsdA==$c3RvcmVk:c2VydmVy", "c3RvcmVk"),
            ("before\n-----BEGIN EC PRIVATE KEY-----\nR0VIRUlN\n-----END EC PRIVATE KEY-----\nafter", "R0VIRUlN"),
            ("-----BEGIN OPENSSH PRIVATE KEY-----\nR0VIRUlN", "R0VIRUlN"),
        ])
    func lookalikes(text: String, secret: String) {
        let rest = clean(text)
        #expect(!rest.contains(secret), "\(rest)")
        #expect(rest.contains("<redacted>"))
        if text.hasSuffix("after") { #expect(rest.hasPrefix("before\n") && rest.hasSuffix("\nafter")) }
    }
}
