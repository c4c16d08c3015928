package import ApplianceModel

/// The files of a seed before there are keys: a placeholder describes each value that a deployment will make.
package enum SeedPreview {
    package static let userKey = "<public key of the user, made at the deployment>"
    package static let hostPublicKey = "<public key of the host, made at the deployment for the first contact>"
    package static let hostPrivateKey = "<private key of the host, made at the deployment for the first contact and never shown>"

    /// The files by their names.
    /// - Parameters:
    ///   - instanceID: any text, like the network's MAC address: neither needs to be chosen yet.
    package static func files(
        name: ApplianceName, instanceID: String, network: GuestNetwork, templates: SeedTemplates = .builtin
    ) throws -> [(name: String, text: String)] {
        [
            (
                "user-data",
                try SeedText.userData(
                    templates, hostname: name, userName: GuestIdentity.defaultUserName, authorizedKey: userKey, hostPrivateKey: [hostPrivateKey],
                    hostPublicKey: hostPublicKey)
            ),
            ("meta-data", try SeedText.metaData(templates, instanceID: instanceID, hostname: name)),
            ("network-config", try SeedText.networkConfig(templates, network)),
        ]
    }
}
