import ApplianceModel
import Basics
import FoundationEssentials
import HostSystem
import PostgresServer
import SystemPackage
import Testing

@Suite("Certificates, as OpenSSL sees them")
struct CertificateTests {
    private let now = Date(timeIntervalSince1970: 1_790_000_000)

    /// Runs `openssl` with files of a directory that is removed afterwards.
    private func openssl(_ arguments: [String], files: [String: String]) async throws -> ProgramResult {
        let directory = try Files.createTemporaryDirectory(in: "/tmp", prefix: "pgkvm-certificates")
        defer { try? Files.remove(directory) }
        for (name, text) in files { try Files.write(text, to: directory.appending(name)) }
        return try await ProgramRunner.run("openssl", arguments, workingDirectory: directory)
    }

    @Test("The server's certificate carries every name and address, and its key is its own")
    func server() async throws {
        let authority = try CertificateAuthority.create(name: "demo", now: now)
        let address = try #require(IPv4Address("10.0.2.15"))
        let server = try authority.issueServer(names: ["demo", "demo.test", "localhost"], addresses: [address], now: now)
        let text = try await openssl(["x509", "-in", "c", "-noout", "-text"], files: ["c": server.certificatePEM]).outputText
        #expect(text.contains("DNS:demo, DNS:demo.test, DNS:localhost, IP Address:127.0.0.1, IP Address:10.0.2.15"))
        #expect(text.contains("ecdsa-with-SHA256"))
        #expect(text.contains("prime256v1"))
        #expect(text.contains("TLS Web Server Authentication"))
        #expect(text.contains("CA:FALSE"))
        let files = ["c": server.certificatePEM, "ca": authority.certificatePEM, "k": server.keyPEM.withRevealed { $0 }]
        for name in ["demo", "demo.test", "localhost"] {
            let verified = try await openssl(
                ["verify", "-x509_strict", "-attime", "1790000001", "-purpose", "sslserver", "-verify_hostname", name, "-CAfile", "ca", "c"], files: files)
            #expect(verified.status == 0, "\(verified.errorText)")
        }
        let wrong = try await openssl(["verify", "-attime", "1790000001", "-verify_hostname", "other", "-CAfile", "ca", "c"], files: files)
        #expect(wrong.status != 0)
        let fromKey = try await openssl(["pkey", "-in", "k", "-pubout"], files: files)
        let fromCertificate = try await openssl(["x509", "-in", "c", "-noout", "-pubkey"], files: files)
        #expect(fromKey.outputText == fromCertificate.outputText)
        #expect(fromKey.status == 0)
    }

    @Test("The CA signs certificates and nothing else, for ten years")
    func authority() async throws {
        let authority = try CertificateAuthority.create(name: "demo", now: now)
        let text = try await openssl(["x509", "-in", "ca", "-noout", "-text"], files: ["ca": authority.certificatePEM]).outputText
        #expect(text.contains("CN = pgkvm CA of demo"))
        #expect(text.contains("X509v3 Basic Constraints: critical\n                CA:TRUE, pathlen:0"))
        #expect(text.contains("X509v3 Key Usage: critical\n                Certificate Sign, CRL Sign"))
        #expect(try CertificateExpiry.daysLeft(pem: authority.certificatePEM, now: now) == 3653)
    }

    @Test("A server certificate lasts a year, is valid an hour before, and never outlives its CA")
    func lifetime() async throws {
        let authority = try CertificateAuthority.create(name: "demo", now: now)
        let fresh = try authority.issueServer(names: ["demo"], addresses: [], now: now)
        #expect(try CertificateExpiry.daysLeft(pem: fresh.certificatePEM, now: now) == 365)
        #expect(try CertificateExpiry.daysLeft(pem: fresh.certificatePEM, now: now.addingTimeInterval(366 * 86_400)) == -1)
        let files = ["ca": authority.certificatePEM, "c": fresh.certificatePEM]
        #expect(try await openssl(["verify", "-attime", "\(1_790_000_000 - 3000)", "-CAfile", "ca", "c"], files: files).status == 0)
        #expect(try await openssl(["verify", "-attime", "\(1_790_000_000 - 4000)", "-CAfile", "ca", "c"], files: files).status != 0)
        let late = try authority.issueServer(names: ["demo"], addresses: [], now: now.addingTimeInterval(3600 * 86_400))
        #expect(try CertificateExpiry.notAfter(pem: late.certificatePEM) == CertificateExpiry.notAfter(pem: authority.certificatePEM))
    }

    @Test("A CA that was read back issues what the first one's clients accept; serial numbers differ")
    func readBack() async throws {
        let first = try CertificateAuthority.create(name: "demo", now: now)
        let second = try CertificateAuthority(certificatePEM: first.certificatePEM, keyPEM: first.keyPEM)
        #expect(second.certificatePEM == first.certificatePEM)
        let server = try second.issueServer(names: ["demo"], addresses: [], now: now)
        let files = ["ca": first.certificatePEM, "c": server.certificatePEM]
        #expect(try await openssl(["verify", "-attime", "1790000001", "-CAfile", "ca", "c"], files: files).status == 0)
        let again = try second.issueServer(names: ["demo"], addresses: [], now: now)
        func serial(_ pem: String) async throws -> String { try await openssl(["x509", "-in", "c", "-noout", "-serial"], files: ["c": pem]).outputText }
        #expect(try await serial(server.certificatePEM) != serial(again.certificatePEM))
    }

    @Test("What does not belong together, and what is no certificate, is refused")
    func refused() throws {
        let one = try CertificateAuthority.create(name: "one", now: now)
        let other = try CertificateAuthority.create(name: "other", now: now)
        let server = try one.issueServer(names: ["one"], addresses: [], now: now)
        for (certificate, key) in [
            (one.certificatePEM, other.keyPEM), ("nonsense", one.keyPEM), (one.certificatePEM, Secret("nonsense")), (server.certificatePEM, server.keyPEM),
        ] {
            let failure = #expect(throws: Failure.self) { try CertificateAuthority(certificatePEM: certificate, keyPEM: key) }
            #expect(failure?.code == .certificateInvalid)
        }
        #expect(throws: Failure.self) { try CertificateExpiry.notAfter(pem: "") }
        for name in ["", "a b", "ü", "-a", "a/b"] { #expect(throws: Failure.self) { try one.issueServer(names: [name], addresses: [], now: now) } }
        #expect(throws: Failure.self) { try one.issueServer(names: [], addresses: [], now: now) }
    }
}
