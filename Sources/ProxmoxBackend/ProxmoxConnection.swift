package import ApplianceModel
package import SystemPackage

/// Where a Proxmox VE server is, how it is authenticated, and what an appliance uses of it. It does not contain any secrets.
package struct ProxmoxConnection: Sendable, Equatable {
    /// How the server proves its identity. This cannot be switched off.
    package enum Trust: Sendable, Equatable {
        /// A certificate that the system's authorities vouch for.
        case system
        /// A certificate from the authority in this PEM file; a cluster's own authority is `/etc/pve/pve-root-ca.pem`.
        case authority(FilePath)
        /// The certificate with this SHA-256 fingerprint, as Proxmox shows it: 32 pairs of hexadecimal digits with colons.
        case fingerprint(String)
    }

    /// `https://HOST:8006`, without a path.
    package var url: String
    package var trust: Trust
    /// The file that holds the API token; nil looks in the environment and in systemd's credentials.
    package var tokenFile: FilePath?
    /// The node for a new machine; nil lets the cluster's free memory, processors and space decide.
    package var node: String?
    /// The store for the disks; nil takes the store with the most space that accepts images.
    package var storage: String?
    /// The store for the uploaded base image; nil takes one with the content type `import`.
    package var imageStorage: String?
    /// The store for the cloud-init medium; nil takes one with the content type `iso`.
    package var isoStorage: String?
    /// The resource pool for a new machine.
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
    /// The connection that a spec describes.
    package init(_ spec: ApplianceSpec.Proxmox) {
        let trust: Trust = spec.fingerprint.map { .fingerprint($0) } ?? spec.caFile.map { .authority(FilePath($0)) } ?? .system
        self.init(
            url: spec.url, trust: trust, tokenFile: spec.tokenFile.map { FilePath($0) }, node: spec.node == ApplianceSpec.Proxmox.anyNode ? nil : spec.node,
            storage: spec.storage, imageStorage: spec.imageStorage, isoStorage: spec.isoStorage, pool: spec.pool, ha: spec.ha)
    }
}

/// How long the server may take. Tests shorten all of these times.
package struct PVETiming: Sendable, Equatable {
    /// The pause between the first two checks of a task; the pause grows to `longestPause`.
    package var firstPause: Duration = .milliseconds(500)
    package var longestPause: Duration = .seconds(2)
    /// The limit for one answer.
    package var call: Duration = .seconds(60)
    /// The limit for an upload as a whole, and how long it may stand still.
    package var upload: Duration = .seconds(4 * 3600)
    package var uploadStall: Duration = .seconds(120)
    /// The limit for a task that copies disks, and how long its log may stay silent.
    package var copyTask: Duration = .seconds(4 * 3600)
    package var copySilence: Duration = .seconds(900)
    /// The limit until a task has logged what it does.
    package var firstWord: Duration = .seconds(60)
    /// How long a server that has answered before may be away during a wait: it may be restarting, or its node may be busy.
    package var outage: Duration = .seconds(60)
    /// The limit for every other task.
    package var task: Duration = .seconds(300)

    package init() {}
}
