package import ApplianceModel
package import SystemPackage

/// Where a Proxmox VE server is, how it is recognised, and what of it an appliance uses. Nothing secret is in it.
package struct ProxmoxConnection: Sendable, Equatable {
    /// How the server proves who it is. There is no way to leave that out.
    package enum Trust: Sendable, Equatable {
        /// A certificate that the system's authorities vouch for.
        case system
        /// A certificate of the authority in this PEM file; a cluster's own is `/etc/pve/pve-root-ca.pem`.
        case authority(FilePath)
        /// The certificate with this SHA-256 fingerprint, as Proxmox shows it: 32 pairs of hexadecimal digits with colons.
        case fingerprint(String)
    }

    /// `https://HOST:8006`; a path is not part of it.
    package var url: String
    package var trust: Trust
    /// The file that holds the API token; nil looks in the environment and among systemd's credentials.
    package var tokenFile: FilePath?
    /// The node for a new machine; nil lets the cluster's free memory, processors and space decide.
    package var node: String?
    /// For the disks; nil takes the store with the most space that takes images.
    package var storage: String?
    /// For the uploaded base image; nil takes one with the content type `import`.
    package var imageStorage: String?
    /// For the cloud-init medium; nil takes one with the content type `iso`.
    package var isoStorage: String?
    /// The resource pool that a new machine is put into.
    package var pool: String?
    /// Whether the cluster's HA manager keeps the machine running.
    package var ha: Bool

    package init(
        url: String, trust: Trust = .system, tokenFile: FilePath? = nil, node: String? = nil, storage: String? = nil, imageStorage: String? = nil,
        isoStorage: String? = nil, pool: String? = nil, ha: Bool = false
    ) {
        self.url = url
        self.trust = trust
        self.tokenFile = tokenFile
        self.node = node
        self.storage = storage
        self.imageStorage = imageStorage
        self.isoStorage = isoStorage
        self.pool = pool
        self.ha = ha
    }
}

extension ProxmoxConnection {
    /// What a spec says of it.
    package init(_ spec: ApplianceSpec.Proxmox) {
        let trust: Trust = spec.fingerprint.map { .fingerprint($0) } ?? spec.caFile.map { .authority(FilePath($0)) } ?? .system
        self.init(
            url: spec.url, trust: trust, tokenFile: spec.tokenFile.map { FilePath($0) }, node: spec.node == ApplianceSpec.Proxmox.anyNode ? nil : spec.node,
            storage: spec.storage, imageStorage: spec.imageStorage, isoStorage: spec.isoStorage, pool: spec.pool, ha: spec.ha)
    }
}

/// How long the server may take. Tests make all of it shorter.
package struct PVETiming: Sendable, Equatable {
    /// Between the first two looks at a task; the pause grows to `longestPause`.
    package var firstPause: Duration = .milliseconds(500)
    package var longestPause: Duration = .seconds(2)
    /// For one answer.
    package var call: Duration = .seconds(60)
    /// For an upload as a whole, and how long it may stand still.
    package var upload: Duration = .seconds(4 * 3600)
    package var uploadStall: Duration = .seconds(120)
    /// For a task that copies disks, and how long its log may say nothing new.
    package var copyTask: Duration = .seconds(4 * 3600)
    package var copySilence: Duration = .seconds(900)
    /// Until a task has said in its log what it does.
    package var firstWord: Duration = .seconds(60)
    /// How long a server that answered before may be away while something is waited for: it is restarted, or its node is busy.
    package var outage: Duration = .seconds(60)
    /// For every other task.
    package var task: Duration = .seconds(300)

    package init() {}
}
