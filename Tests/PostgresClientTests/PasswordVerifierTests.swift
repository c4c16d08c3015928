import ApplianceModel
import Basics
import PostgresClient
import Testing

@Suite("Password verifiers")
struct PasswordVerifierTests {
    @Test("A verifier has the form that the server stores, and never the same salt twice")
    func form() throws {
        let first = try PasswordVerifier.scramSHA256(password: Secret("p'w\"d $ü😀"), role: "app")
        let second = try PasswordVerifier.scramSHA256(password: Secret("p'w\"d $ü😀"), role: "app")
        #expect(first != second)
        #expect(first.wholeMatch(of: #/SCRAM-SHA-256\$4096:[A-Za-z0-9+\/=]{24}\$[A-Za-z0-9+\/=]{44}:[A-Za-z0-9+\/=]{44}/#) != nil)
    }

    @Test("Passwords that a password file or C cannot hold are refused, and not shown", arguments: ["", "top\nhidden", "top\rhidden", "top\0hidden"])
    func refused(password: String) async {
        let failure = await expectFailure(.invalidInput) { _ = try PasswordVerifier.scramSHA256(password: Secret(password), role: "app") }
        #expect(failure?.message.contains("hidden") == false)
    }
}
