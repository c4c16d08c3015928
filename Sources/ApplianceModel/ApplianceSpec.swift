package import Basics

/// What the user requested: one PostgreSQL appliance, complete, with every default filled in.
///
/// A value of this type has passed the rules that need no host (`SpecRules`). `check-host` checks what depends on the host (free space, ports, KVM).
package struct ApplianceSpec: Sendable, Equatable, Codable {
    /// The newest format of the spec file that this program reads, and the one that it writes.
    package static let currentFormat = 1

    package var name: ApplianceName
    package var machine: Machine
    package var network: Network
    package var dataDisk: DataDisk
    package var postgresql: PostgreSQL
    package var verification: Verification

    package init(
        name: ApplianceName, machine: Machine = Machine(), network: Network = Network(), dataDisk: DataDisk = DataDisk(),
        postgresql: PostgreSQL = PostgreSQL(), verification: Verification = Verification()
    ) {
        self.name = name
        self.machine = machine
        self.network = network
        self.dataDisk = dataDisk
        self.postgresql = postgresql
        self.verification = verification
    }
}

extension ApplianceSpec {
    /// The virtual machine itself.
    package struct Machine: Sendable, Equatable, Codable {
        package var backend: BackendKind = .qemu
        package var accelerator: AcceleratorChoice = .auto
        /// 1 to 256.
        package var vcpus: Int = 2
        /// At least 512 MiB.
        package var memory: ByteSize = .gibibytes(2)
        package var image: ImageChoice = .release(.debian13)
        package var systemDisk: SystemDisk = SystemDisk()
        /// The settings of the backend `libvirt`; nil means its defaults.
        package var libvirt: Libvirt?
        /// The settings of the backend `proxmox`, which requires them.
        package var proxmox: Proxmox?

        package init() {}
    }

    /// The disk that holds the guest's operating system.
    package struct SystemDisk: Sendable, Equatable, Codable {
        /// At least 4 GiB.
        package var size: ByteSize = .gibibytes(8)
        /// A self-contained copy, unless the spec asks for an overlay on a base inside the state directory.
        package var layout: Layout = .copy

        package enum Layout: String, Sendable, Codable, CaseIterable { case copy, overlay }

        package init() {}
    }

    /// How clients reach the guest.
    package struct Network: Sendable, Equatable, Codable {
        package var mode: Mode = .user
        /// What carries the packets with user networking; it has no effect in other modes.
        package var forwarder: Forwarder = .auto
        /// The bridge or tap device of the host, or libvirt's network, that leads to the guest; nil only with user networking.
        package var device: String?
        package var address: Address = .dhcp
        /// The router for other networks; only with the guest's own address.
        package var gateway: IPv4Address?
        /// The name servers that the guest asks; only with the guest's own address.
        package var nameServers: [IPv4Address] = []
        /// Ports on the host's loopback interface, only with user networking; nil lets pgkvm choose free ones and keep them.
        package var sshPort: UInt16?
        package var postgresqlPort: UInt16?

        package enum Mode: String, Sendable, Codable, CaseIterable {
            /// Inside QEMU: the guest is reached through two ports of 127.0.0.1.
            case user
            /// The guest is a host on a bridge of this host.
            case bridge
            /// The guest is at the other end of an existing tap device.
            case tap
            /// The guest is a host on a network that libvirt manages, such as its `default`, which has NAT.
            case nat
        }

        /// What is between the guest and the host's network with user networking.
        package enum Forwarder: String, Sendable, Codable, CaseIterable {
            /// What keeps the guest from reaching the host, if the platform has it: passt with QEMU, slirp with libvirt.
            case auto
            /// Inside QEMU's process; the guest reaches every service of the host, including those on its loopback interface.
            case slirp
            /// A separate process with its own sandbox; the guest does not reach the host.
            case passt
        }

        package enum Address: Sendable, Equatable {
            /// The guest asks its network for an address.
            case dhcp
            /// The guest uses the address that user networking plans for it: 10.0.2.15/24.
            case `static`
            /// The guest uses this address.
            case own(IPv4Interface)
        }

        package init() {}
    }

    /// The VirtIO Block disk that holds the database and nothing else.
    package struct DataDisk: Sendable, Equatable, Codable {
        /// At least 1 GiB.
        package var size: ByteSize = .gibibytes(10)
        /// The directory that `delete --keep-data` left, whose disk is adopted; nil creates a new disk.
        package var adopt: String?

        package init() {}
    }

    /// The database server and its contents.
    package struct PostgreSQL: Sendable, Equatable, Codable {
        /// Major version; nil means the distribution's (17 on Debian 13, 15 on Debian 12).
        package var version: Int?
        package var source: PackageSource = .distribution
        package var profile: Profile = .mixed
        /// A locale of the `builtin`/libc C.UTF-8 family, or one of the C library's, which the guest creates if it is missing.
        package var locale: String = "C.UTF-8"
        package var timeZone: String = "Etc/UTC"
        /// Networks whose clients may connect over TLS with a password. Empty means this host only.
        package var allowFrom: [IPv4Network] = []
        /// Overrides of postgresql.conf, by name in lower case; written last.
        package var settings: [String: String] = [:]
        /// A spec that names neither roles nor databases gets one of each to work with.
        package var roles: [Role] = [Role(name: "app")]
        package var databases: [Database] = [Database(name: "app", owner: "app")]

        package enum PackageSource: String, Sendable, Codable, CaseIterable { case distribution, pgdg }
        package enum Profile: String, Sendable, Codable, CaseIterable { case oltp, web, analytics, mixed }

        package init() {}
    }

    /// A login role with a generated password.
    package struct Role: Sendable, Equatable, Codable {
        package var name: String
        /// Other roles of which it becomes a member.
        package var memberOf: [String] = []
        /// Whether it may stream the WAL: for base backups, `pg_receivewal` and standbys.
        package var replication = false

        package init(name: String, memberOf: [String] = [], replication: Bool = false) {
            self.name = name
            self.memberOf = memberOf
            self.replication = replication
        }
    }

    /// A database, its owner and its extensions.
    package struct Database: Sendable, Equatable, Codable {
        package var name: String
        package var owner: String
        package var extensions: [String] = []

        package init(name: String, owner: String, extensions: [String] = []) {
            self.name = name
            self.owner = owner
            self.extensions = extensions
        }
    }
}

extension ApplianceSpec {
    /// What `pgkvm verify` checks besides the rest of the spec. It may change at any time: no part of the appliance is made from it.
    package struct Verification: Sendable, Equatable, Codable {
        /// Limits of figures, as written, by the metric's id: `disk.write-latency.p99` → `5ms`.
        package var limits: [String: String] = [:]

        package init() {}
    }
}

extension ApplianceSpec {
    /// The major version of PostgreSQL, as far as the spec determines it. For an image from elsewhere, only the guest knows it; the newest release's
    /// version is assumed.
    package var expectedVersion: Int {
        if let version = postgresql.version { return version }
        guard case .release(let release) = machine.image else { return DebianRelease.debian13.postgresqlVersion }
        return release.postgresqlVersion
    }
}

/// What the user requested; `Accelerator` is what was decided.
package enum AcceleratorChoice: String, Sendable, Codable, CaseIterable { case auto, kvm, tcg }

/// What executes the guest's instructions.
package enum Accelerator: String, Sendable, Codable, CaseIterable {
    /// Hardware virtualization.
    case kvm
    /// QEMU's emulation: many times slower, and no isolation.
    case tcg
}

/// A release of Debian for which pgkvm builds images.
package enum DebianRelease: String, Sendable, Codable, CaseIterable {
    case debian12 = "debian-12"
    case debian13 = "debian-13"

    package var suite: String { self == .debian12 ? "bookworm" : "trixie" }
    /// The major version of PostgreSQL in the release.
    package var postgresqlVersion: Int { self == .debian12 ? 15 : 17 }
}

/// The base image from which the guest starts: a release that pgkvm builds, or an image in the cache by its name or key.
package enum ImageChoice: Sendable, Equatable, Codable, CustomStringConvertible {
    case release(DebianRelease)
    case cached(String)

    package init(_ text: String) {
        self = DebianRelease(rawValue: text).map(ImageChoice.release) ?? .cached(text)
    }

    package var description: String {
        switch self {
        case .release(let release): release.rawValue
        case .cached(let name): name
        }
    }

    package init(from decoder: any Decoder) throws { self.init(try decoder.singleValueContainer().decode(String.self)) }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}

extension ApplianceSpec.Role {
    /// Files from an earlier pgkvm do not mention replication.
    package init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        name = try values.decode(String.self, forKey: .name)
        memberOf = try values.decode([String].self, forKey: .memberOf)
        replication = try values.decodeIfPresent(Bool.self, forKey: .replication) ?? false
    }
}

extension ApplianceSpec.Network.Address: Codable, CustomStringConvertible {
    /// - Returns: nil unless the text is `dhcp`, `static`, or an address such as `192.168.1.20/24`.
    package init?(_ text: String) {
        switch text {
        case "dhcp": self = .dhcp
        case "static": self = .static
        default:
            guard let interface = IPv4Interface(text) else { return nil }
            self = .own(interface)
        }
    }

    package var description: String {
        switch self {
        case .dhcp: "dhcp"
        case .static: "static"
        case .own(let interface): "\(interface)"
        }
    }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        let text = try container.decode(String.self)
        guard let address = Self(text) else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "'\(text)' is no way to an address")
        }
        self = address
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}
