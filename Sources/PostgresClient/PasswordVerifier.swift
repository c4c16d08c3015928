internal import ApplianceModel
package import Basics
internal import CLibPQ

/// The value that the server stores instead of a password. It is made here, so that the password itself reaches neither the server's log
/// nor the guest.
package enum PasswordVerifier {
    /// A SCRAM-SHA-256 verifier with a fresh salt, for `ALTER ROLE … PASSWORD`.
    /// - Throws: `input.invalid` for an empty password and for one with a newline, a carriage return or a NUL: a password
    ///   file cannot hold them, and C would cut the last one off.
    package static func scramSHA256(password: Secret, role: String) throws -> String {
        try password.withRevealed { password in
            guard !password.isEmpty else { throw Failure(.invalidInput, "the password of role '\(role)' is empty") }
            guard !password.utf8.contains(where: { [0, 10, 13].contains($0) }) else {
                throw Failure(
                    .invalidInput, "the password of role '\(role)' contains a newline or a NUL",
                    remedy: "choose a password of printable characters")
            }
            guard !role.isEmpty, !role.utf8.contains(0) else { throw Failure(.invalidInput, "a role's name is empty or contains a NUL") }
            let handle = try PostgresHandle.unconnected()
            return try handle.encrypt(password: password, role: role)
        }
    }
}
