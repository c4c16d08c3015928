import ApplianceModel
import Basics
import HostSystem
import SecureShell
import Testing

@testable import Deployment

@Suite("Pinned host keys")
struct PinnedKeysTests {
    @Test(
        "Without a key nothing is trusted: no file, an empty one, one with other things",
        arguments: [nil, "", "\n\n", "ssh-rsa AAAAB3NzaC1yc2E=\n", "# none\n"])
    func none(text: String?) async throws {
        try await Scratch.with { scratch in
            let directory = try scratch.directory()
            try Files.createDirectory(directory.path)
            if let text { try Files.write(text, to: directory.knownHost) }
            let error = #expect(throws: Failure.self) { try PinnedKeys.read(directory) }
            #expect(error?.code == .noPinnedKey)
            #expect(error?.message.contains("'\(directory.knownHost)'") == true)
        }
    }

    @Test("Two keys are both accepted while the key changes, then one is")
    func two() async throws {
        try await Scratch.with { scratch in
            let directory = try scratch.directory()
            try Files.createDirectory(directory.path)
            let keys = [try key(1), try key(2)]
            try PinnedKeys.write(keys, to: directory)
            #expect(try PinnedKeys.read(directory) == keys)
            #expect(try Files.readText(directory.knownHost) == keys.map { "\($0.openSSHLine)\n" }.joined())
            try PinnedKeys.write([keys[1]], to: directory)
            #expect(try PinnedKeys.read(directory) == [keys[1]])
        }
    }

    private func key(_ byte: UInt8) throws -> HostKey {
        let header: [UInt8] = [0, 0, 0, 11] + Array("ssh-ed25519".utf8) + [0, 0, 0, 32]
        return try #require(HostKey(blob: header + [UInt8](repeating: byte, count: 32)))
    }
}
