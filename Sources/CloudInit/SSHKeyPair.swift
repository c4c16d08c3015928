internal import ApplianceModel
package import Basics
internal import HostSystem
internal import Quoting
package import SystemPackage

/// An Ed25519 key pair in OpenSSH's formats.
package struct SSHKeyPair: Sendable, Equatable {
    /// The PEM text, ending with a line break.
    package let privateKey: Secret
    /// `ssh-ed25519 AAAA… comment`, without a line break.
    package let publicKey: String

    package init(privateKey: Secret, publicKey: String) {
        self.privateKey = privateKey
        self.publicKey = publicKey
    }

    /// The public key without its comment: the part that a server presents and that is compared.
    package var publicKeyWithoutComment: String { publicKey.split(at: " ").prefix(2).joined(separator: " ") }

    /// Makes a new pair with `ssh-keygen`. Its files are for a moment in a directory of mode 0700 inside `parent`.
    /// - Parameters:
    ///   - comment: printable ASCII; for people who read the public key.
    ///   - parent: a directory whose lock the caller holds: what a killed run left there is removed first.
    /// - Throws: `ssh-key.invalid` for an impossible comment, `program.missing`, `program.failed`, `file.unwritable`.
    package static func generate(comment: String, in parent: FilePath) async throws -> SSHKeyPair {
        guard SeedText.isPrintableASCII(comment) else {
            throw Failure(.sshKeyInvalid, "\(SpecRules.shown(comment)) cannot be the comment of a key: printable ASCII only")
        }
        return try await WorkDirectory.use(in: parent, name: ".key") { try await generateFiles(comment: comment, in: $0) }
    }

    private static func generateFiles(comment: String, in directory: FilePath) async throws -> SSHKeyPair {
        let file = directory.appending("key")
        // The empty passphrase is not a secret: the file's mode protects the key.
        _ = try await ProgramRunner.check("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", file.string])
        let publicKey = try Files.readText(directory.appending("key.pub"))
        return SSHKeyPair(privateKey: Secret(try Files.readText(file)), publicKey: String(publicKey.prefix { $0 != "\n" }))
    }
}

extension Failure.Code {
    /// A text is not an SSH key, or the requested key cannot be made.
    package static let sshKeyInvalid = Failure.Code("ssh-key.invalid")
}
