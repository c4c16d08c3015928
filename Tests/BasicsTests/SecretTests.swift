import Basics
import Testing

@Suite("A secret")
struct SecretTests {
    @Test("prints nowhere")
    func secret() {
        let secret = Secret("hunter2")
        var dumped = ""
        dump(["key": secret], to: &dumped)
        #expect(!"\(secret) \(String(reflecting: secret)) \([secret]) \(dumped)".contains("hunter2"))
        #expect(secret.withRevealed { $0 } == "hunter2")
    }
}
