import ApplianceModel
import Basics
import CloudInit
import HostSystem
import SystemPackage
import Testing

/// Seeds and places that the tests share.
enum Fixtures {
    /// Of the right form, and no key of anybody.
    static let publicKey = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f"
    static let privateKey = Secret("-----BEGIN OPENSSH PRIVATE KEY-----\nbm90IGEga2V5: only the form of one\n-----END OPENSSH PRIVATE KEY-----\n")
    static let macAddress = "52:54:00:12:34:56"

    static func identity() throws -> GuestIdentity {
        GuestIdentity(
            instanceID: "5b1f0e7c-orders", hostname: try #require(ApplianceName("orders")), authorizedKey: "\(publicKey) pgkvm orders",
            hostKey: SSHKeyPair(privateKey: privateKey, publicKey: "\(publicKey) orders"))
    }

    static func seed(_ address: GuestNetwork.Address = .dhcp) throws -> Seed {
        Seed(identity: try identity(), network: GuestNetwork(macAddress: macAddress, address: address))
    }

    static var addresses: [(name: String, address: GuestNetwork.Address)] {
        [
            ("dhcp", .dhcp), ("static", .static(.userNetworking)),
            (
                "island",
                .static(StaticAddress(address: IPv4Address(192, 168, 1, 20), prefixLength: 24, gateway: nil, nameServers: []))
            ),
        ]
    }

    /// The top of the checkout.
    static var repository: FilePath { FilePath(#filePath).removingLastComponent().removingLastComponent().removingLastComponent() }

    static var schemaScript: FilePath { repository.appending("scripts/cloud-init-schema") }

    /// Whether cloud-init's own checks can be run here.
    static var hasSchema: Bool { ProgramRunner.lookUp("apt-get") != nil && Files.isExecutable("/usr/bin/python3") }
}

/// Runs `body` with a directory of its own, and removes it.
func withTemporaryDirectory<Value>(_ body: (FilePath) async throws -> Value) async throws -> Value {
    let directory = try Files.createTemporaryDirectory(in: "/tmp", prefix: "pgkvm-test")
    do {
        let value = try await body(directory)
        try Files.remove(directory)
        return value
    } catch {
        try Files.remove(directory)
        throw error
    }
}

/// The names of everything below a directory that is no directory itself.
func files(below directory: FilePath, prefix: String = "") throws -> [String] {
    try Files.list(directory).flatMap { name in
        let path = directory.appending(name)
        return Files.isDirectory(path) ? try files(below: path, prefix: "\(prefix)\(name)/") : ["\(prefix)\(name)"]
    }
}

/// Holds a text against a file of `Tests/Golden/CloudInit`; `PGKVM_UPDATE_GOLDEN=1` writes the file instead.
func expectGolden(_ text: String, _ name: String, sourceLocation: SourceLocation = #_sourceLocation) throws {
    let path = Fixtures.repository.appending("Tests/Golden/CloudInit").appending(name)
    if EnvironmentVariable.value("PGKVM_UPDATE_GOLDEN") == "1" {
        try Files.write(text, to: path, mode: [.ownerReadWrite, .groupRead, .otherRead])
    } else {
        let expected = try Files.readText(path)
        #expect(text == expected, "differs from Tests/Golden/CloudInit/\(name)", sourceLocation: sourceLocation)
    }
}
