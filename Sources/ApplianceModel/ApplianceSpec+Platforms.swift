internal import Quoting

/// The platform that runs the machine.
package enum BackendKind: String, Sendable, Codable, CaseIterable {
    /// A QEMU process on this host.
    case qemu
    /// A domain of a libvirt daemon, on this host or on one that is reached over SSH.
    case libvirt
    /// A virtual machine of a Proxmox VE node or cluster, through its API.
    case proxmox
}

extension ApplianceSpec.Machine {
    /// Whether the machine runs on the host that pgkvm runs on.
    package var isOnThisHost: Bool {
        switch backend {
        case .qemu: true
        case .libvirt: libvirt?.isThisHost ?? true
        case .proxmox: false
        }
    }
}

extension ApplianceSpec {
    /// Which libvirt daemon to use, and where its disks are.
    package struct Libvirt: Sendable, Equatable, Codable {
        /// `qemu:///system`, `qemu:///session`, or `qemu+ssh://host/system`.
        package var uri: String = "qemu:///system"
        /// The storage pool that holds the disks.
        package var pool: String = "default"

        package init() {}

        /// Whether the daemon runs on this host.
        package var isThisHost: Bool { uri.begins(with: "qemu:///") }
        /// Whether the daemon is the user's own, without rights over the host.
        package var isSession: Bool { uri.ends(with: "/session") }
    }

    /// Which Proxmox VE to use, and where its disks are. The API token is in a file or in the environment, never here.
    package struct Proxmox: Sendable, Equatable, Codable {
        /// For example `https://pve1.example.org:8006`.
        package var url: String
        /// The file with the API token, `USER@REALM!TOKENID=UUID`; nil means the environment and the credentials of the service.
        package var tokenFile: String?
        /// The certificate authority of the server; nil means the host's own.
        package var caFile: String?
        /// SHA-256 of the server's certificate, as `pvenode cert info` shows it; used instead of an authority.
        package var fingerprint: String?
        /// `auto`, or the node that gets the machine.
        package var node: String = Proxmox.anyNode
        /// The storage of the disks.
        package var storage: String
        /// The storage of the base image, with the content type `import`; nil means a storage that has it.
        package var imageStorage: String?
        /// The storage of the seed, with the content type `iso`; nil means a storage that has it.
        package var isoStorage: String?
        /// The resource pool that the machine belongs to.
        package var pool: String?
        /// Whether the cluster's HA manager keeps the machine running.
        package var ha: Bool = false

        /// The node with the most free resources.
        package static let anyNode = "auto"

        package init(url: String, storage: String) {
            self.url = url
            self.storage = storage
        }
    }
}

extension ApplianceSpec {
    /// Whether a new machine has passt between it and the network. libvirt accepts passt only from version 9.2 on.
    package var takesPasst: Bool { machine.backend == .qemu && network.mode == .user && network.forwarder != .slirp }
}
