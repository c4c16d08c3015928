internal import ApplianceModel
package import Basics

/// Passwords that no one has to type.
package enum GeneratedPassword {
    /// Only letters and digits: they have no special meaning in password files, URIs, shells and SQL.
    private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789")

    /// 32 characters from the system's random source: 190 bits.
    package static func make() -> Secret {
        var random = SystemRandomNumberGenerator()
        return make(using: &random)
    }

    static func make(using random: inout some RandomNumberGenerator) -> Secret {
        Secret(String((0..<32).map { _ in alphabet[Int.random(in: 0..<alphabet.count, using: &random)] }))
    }
}
