internal import ApplianceModel
package import Basics
internal import Quoting

/// The data that a guest gets at its first boot.
package struct Seed: Sendable, Equatable {
    package var identity: GuestIdentity
    package var network: GuestNetwork

    package init(identity: GuestIdentity, network: GuestNetwork) {
        self.identity = identity
        self.network = network
    }

    /// The three files of the NoCloud datasource.
    /// - Throws: `seed.invalid` when a value cannot be used in them.
    package func render(templates: SeedTemplates = .builtin) throws -> SeedFiles {
        try validate()
        let userData = try identity.hostKey.privateKey.withRevealed { privateKey in
            Secret(
                try SeedText.userData(
                    templates, hostname: identity.hostname, userName: identity.userName, authorizedKey: identity.authorizedKey,
                    hostPrivateKey: privateKey.split(at: "\n").map(String.init), hostPublicKey: identity.hostKey.publicKey))
        }
        return SeedFiles(
            userData: userData, metaData: try SeedText.metaData(templates, instanceID: identity.instanceID, hostname: identity.hostname),
            networkConfig: try SeedText.networkConfig(templates, network))
    }

    private func validate() throws {
        func require(_ condition: Bool, _ what: String, _ value: String) throws {
            guard condition else { throw Failure(.seedInvalid, "\(SpecRules.shown(value)) cannot be \(what) of a guest") }
        }
        try require(SeedText.isInstanceID(identity.instanceID), "the instance id", identity.instanceID)
        try require(SeedText.isUserName(identity.userName), "the user", identity.userName)
        try require(SeedText.isPublicKey(identity.authorizedKey), "the authorized key", identity.authorizedKey)
        try require(SeedText.isPublicKey(identity.hostKey.publicKey), "the public host key", identity.hostKey.publicKey)
        try require(SeedText.isMACAddress(network.macAddress), "the MAC address", network.macAddress)
        if case .static(let address) = network.address {
            try require((1...32).contains(address.prefixLength), "the address", address.cidr)
        }
        let isPEM = identity.hostKey.privateKey.withRevealed { key in
            key.begins(with: "-----BEGIN OPENSSH PRIVATE KEY-----\n") && key.split(at: "\n").allSatisfy(SeedText.isPrintableASCII)
        }
        guard isPEM else { throw Failure(.seedInvalid, "the private host key is not in OpenSSH's format") }
    }
}

/// The files of a seed. The user-data contains a private key, hence the `Secret`.
package struct SeedFiles: Sendable, Equatable {
    package let userData: Secret
    package let metaData: String
    package let networkConfig: String
}

extension Failure.Code {
    /// A value cannot be used in the seed.
    package static let seedInvalid = Failure.Code("seed.invalid")
    /// A template is not valid Mustache.
    package static let templateInvalid = Failure.Code("template.invalid")
}
