internal import ApplianceModel

/// How a client on the host connects, in the forms that clients read. Never a password: that is in the password file.
package struct ConnectionText: Sendable {
    private let name: String
    private let address: String
    private let port: UInt16
    private let database: String
    private let user: String
    private let rootCertificate: String
    private let passwordFile: String

    /// - Parameters:
    ///   - name: the DNS name on the server's certificate; it need not resolve.
    ///   - address: the address that is dialled.
    ///   - rootCertificate: the absolute path of the CA's certificate.
    ///   - passwordFile: an absolute path.
    /// - Throws: `input.invalid` for a relative path and for a newline or NUL anywhere.
    package init(
        name: String, address: String = "127.0.0.1", port: UInt16, database: String, user: String, rootCertificate: String, passwordFile: String
    ) throws {
        for path in [rootCertificate, passwordFile] where !path.hasPrefix("/") {
            throw Failure(.invalidInput, "'\(path)' is not an absolute path")
        }
        for text in [name, address, database, user, rootCertificate, passwordFile] where text.utf8.contains(where: { [0, 10, 13].contains($0) }) {
            throw Failure(.invalidInput, "a connection cannot be written with a newline or a NUL in '\(text)'")
        }
        self.name = name
        self.address = address
        self.port = port
        self.database = database
        self.user = user
        self.rootCertificate = rootCertificate
        self.passwordFile = passwordFile
    }

    /// For libpq: `psql "$(pgkvm connection NAME)"`.
    package var uri: String {
        let parameters = [
            ("hostaddr", address), ("sslmode", "verify-full"), ("sslrootcert", rootCertificate), ("channel_binding", "require"),
            ("passfile", passwordFile),
        ]
        let query = parameters.map { "\($0)=\(Self.encode($1))" }.joined(separator: "&")
        return "postgresql://\(Self.encode(user))@\(Self.encode(name)):\(port)/\(Self.encode(database))?\(query)"
    }

    /// For a shell: `eval "$(pgkvm connection NAME --as env)"`.
    package var environment: String {
        variables.map { "export \($0)='\($1.replacing("'", with: #"'\''"#))'\n" }.joined()
    }

    private var variables: [(String, String)] {
        [
            ("PGHOST", name), ("PGHOSTADDR", address), ("PGPORT", String(port)), ("PGDATABASE", database), ("PGUSER", user),
            ("PGPASSFILE", passwordFile), ("PGSSLMODE", "verify-full"), ("PGSSLROOTCERT", rootCertificate), ("PGCHANNELBINDING", "require"),
        ]
    }

    /// A section for `pg_service.conf`, named after the appliance: `psql service=NAME`.
    /// - Throws: `unsupported` for a value that ends in white space, which libpq cuts off there.
    package func service() throws -> String {
        let fields = [
            ("host", name), ("hostaddr", address), ("port", String(port)), ("dbname", database), ("user", user), ("passfile", passwordFile),
            ("sslmode", "verify-full"), ("sslrootcert", rootCertificate), ("channel_binding", "require"),
        ]
        for (_, value) in fields where value.last?.isWhitespace == true {
            throw Failure(.unsupported, "a service file cannot hold '\(value)', which ends in white space", remedy: "use the form 'uri' or 'env'")
        }
        return "[\(name)]\n" + fields.map { "\($0)=\($1)\n" }.joined()
    }

    /// For pgjdbc, which verifies the name that it dials: the guest's address or `localhost`, which are on the certificate too.
    package var jdbc: String {
        let host = address == "127.0.0.1" ? "localhost" : address
        let parameters = [("user", user), ("sslmode", "verify-full"), ("sslrootcert", rootCertificate)]
        return "jdbc:postgresql://\(host):\(port)/\(Self.encode(database))?"
            + parameters.map { "\($0)=\(Self.encode($1))" }.joined(separator: "&")
    }

    /// Percent-encodes every byte but RFC 3986's unreserved characters.
    private static func encode(_ text: String) -> String {
        var encoded = ""
        for byte in text.utf8 {
            let scalar = Unicode.Scalar(byte)
            if Self.unreserved.contains(scalar) {
                encoded.unicodeScalars.append(scalar)
            } else {
                encoded += "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: true)
            }
        }
        return encoded
    }

    private static let unreserved = Set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~".unicodeScalars)
}
