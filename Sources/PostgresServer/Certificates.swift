package import ApplianceModel
package import Basics
internal import Crypto
package import FoundationEssentials
internal import SwiftASN1
internal import X509

/// The appliance's own CA, which signs only its server's certificate.
///
/// ECDSA P-256 with SHA-256 throughout: with an Ed25519 certificate, libpq finds no digest for channel binding.
package struct CertificateAuthority: Sendable {
    /// Ten years; leap days included.
    package static let validDays = 3653
    /// One year.
    package static let serverValidDays = 365
    /// A tolerance, so that guests and hosts with different clocks agree that a new certificate is valid.
    private static let clockSkew: TimeInterval = 3600

    /// The certificate that clients need: `sslrootcert`.
    package let certificatePEM: String
    /// In PKCS #8.
    package let keyPEM: Secret
    private let certificate: Certificate
    private let key: P256.Signing.PrivateKey

    /// A new CA with a new key.
    /// - Parameter name: the appliance's name; part of the subject.
    /// - Throws: `certificate.invalid`.
    package static func create(name: String, now: Date) throws -> CertificateAuthority {
        try wrapping("cannot make the CA of '\(name)'") {
            let key = P256.Signing.PrivateKey()
            let subject = try DistinguishedName { CommonName("pgkvm CA of \(name)") }
            let certificate = try Certificate(
                version: .v3, serialNumber: Certificate.SerialNumber(), publicKey: Certificate.PublicKey(key.publicKey),
                notValidBefore: now.addingTimeInterval(-clockSkew), notValidAfter: now.addingTimeInterval(Double(validDays) * 86_400),
                issuer: subject, subject: subject, signatureAlgorithm: .ecdsaWithSHA256,
                extensions: try Certificate.Extensions {
                    Critical(BasicConstraints.isCertificateAuthority(maxPathLength: 0))
                    Critical(KeyUsage(keyCertSign: true, cRLSign: true))
                    SubjectKeyIdentifier(hash: Certificate.PublicKey(key.publicKey))
                },
                issuerPrivateKey: Certificate.PrivateKey(key))
            return try CertificateAuthority(certificate: certificate, key: key)
        }
    }

    /// Reads a stored CA.
    /// - Throws: `certificate.invalid` if either is malformed or not a CA, or if they do not belong together.
    package init(certificatePEM: String, keyPEM: Secret) throws {
        self = try Self.wrapping("cannot read the CA") {
            let key = try keyPEM.withRevealed { try P256.Signing.PrivateKey(pemRepresentation: $0) }
            return try CertificateAuthority(certificate: try Certificate(pemEncoded: certificatePEM), key: key)
        }
        guard case .isCertificateAuthority = try? certificate.extensions.basicConstraints else {
            throw Failure(.certificateInvalid, "the certificate of the CA is not one of a CA")
        }
        guard certificate.publicKey == Certificate.PublicKey(key.publicKey) else {
            throw Failure(.certificateInvalid, "the certificate of the CA and its key do not belong together")
        }
    }

    private init(certificate: Certificate, key: P256.Signing.PrivateKey) throws {
        self.certificate = certificate
        self.key = key
        certificatePEM = try certificate.serializeAsPEM().pemString + "\n"
        keyPEM = Secret(key.pemRepresentation + "\n")
    }

    /// Issues a new server certificate with a new key. It never outlives the CA.
    /// - Parameters:
    ///   - names: DNS names; `localhost` is always added.
    ///   - addresses: the guest's addresses; 127.0.0.1 is always added.
    /// - Throws: `certificate.invalid`; `input.invalid` without a name, or for a name that is not a host name of ASCII letters.
    package func issueServer(names: [String], addresses: [IPv4Address], now: Date) throws -> ServerCertificate {
        guard let first = names.first else { throw Failure(.invalidInput, "a server certificate needs a name") }
        for name in names where name.wholeMatch(of: #/[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?/#) == nil || name.utf8.count > 253 {
            throw Failure(.invalidInput, "'\(name)' is not a host name")
        }
        let dnsNames = Self.unique(names + ["localhost"]).map { GeneralName.dnsName($0) }
        let ipAddresses = Self.unique([0x7F00_0001] + addresses.map(\.value)).map { value in
            GeneralName.ipAddress(ASN1OctetString(contentBytes: [24, 16, 8, 0].map { UInt8(value >> UInt32($0) & 255) }[...]))
        }
        return try Self.wrapping("cannot issue the certificate of '\(first)'") {
            let serverKey = P256.Signing.PrivateKey()
            let end = min(now.addingTimeInterval(Double(Self.serverValidDays) * 86_400), certificate.notValidAfter)
            let issued = try Certificate(
                version: .v3, serialNumber: Certificate.SerialNumber(), publicKey: Certificate.PublicKey(serverKey.publicKey),
                notValidBefore: max(now.addingTimeInterval(-Self.clockSkew), certificate.notValidBefore), notValidAfter: end,
                issuer: certificate.subject, subject: try DistinguishedName { CommonName(String(first.prefix(64))) },
                signatureAlgorithm: .ecdsaWithSHA256,
                extensions: try Certificate.Extensions {
                    Critical(BasicConstraints.notCertificateAuthority)
                    Critical(KeyUsage(digitalSignature: true))
                    try ExtendedKeyUsage([.serverAuth])
                    SubjectAlternativeNames(dnsNames + ipAddresses)
                    SubjectKeyIdentifier(hash: Certificate.PublicKey(serverKey.publicKey))
                    AuthorityKeyIdentifier(keyIdentifier: try certificate.extensions.subjectKeyIdentifier?.keyIdentifier)
                },
                issuerPrivateKey: Certificate.PrivateKey(key))
            return ServerCertificate(
                certificatePEM: try issued.serializeAsPEM().pemString + "\n", keyPEM: Secret(serverKey.pemRepresentation + "\n"))
        }
    }

    private static func unique<Value: Hashable>(_ values: [Value]) -> [Value] {
        var seen: Set<Value> = []
        return values.filter { seen.insert($0).inserted }
    }

    fileprivate static func wrapping<Value>(_ message: String, _ body: () throws -> Value) throws -> Value {
        do { return try body() } catch { throw Failure(.certificateInvalid, message, cause: error) }
    }
}

/// A server certificate and its key, both PEM.
package struct ServerCertificate: Sendable {
    package let certificatePEM: String
    /// Only for the guest, 0600; the host keeps no copy.
    package let keyPEM: Secret
}

/// Reads a certificate's validity.
package enum CertificateExpiry {
    /// The last moment at which the certificate is valid.
    /// - Throws: `certificate.invalid`.
    package static func notAfter(pem: String) throws -> Date {
        try CertificateAuthority.wrapping("cannot read the certificate") { try Certificate(pemEncoded: pem).notValidAfter }
    }

    /// The number of whole days left, negative once it has expired.
    /// - Throws: `certificate.invalid`.
    package static func daysLeft(pem: String, now: Date) throws -> Int {
        Int(saturating: (try notAfter(pem: pem).timeIntervalSince(now) / 86_400).rounded(.down))
    }
}

extension Failure.Code {
    /// A certificate or its key is malformed, or they do not belong together.
    package static let certificateInvalid = Failure.Code("certificate.invalid")
}
