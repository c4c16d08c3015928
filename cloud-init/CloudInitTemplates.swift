/// The templates of the seed's files as they stand in `cloud-init/`, built into the program.
package enum CloudInitTemplates {
    /// Mustache; the account, the keys and the host name.
    package static var userData: String { String(decoding: PackageResources.user_data, as: UTF8.self) }
    /// Mustache; the instance id and the host name.
    package static var metaData: String { String(decoding: PackageResources.meta_data, as: UTF8.self) }
    /// Mustache; network configuration, version 2.
    package static var networkConfig: String { String(decoding: PackageResources.network_config, as: UTF8.self) }
}
