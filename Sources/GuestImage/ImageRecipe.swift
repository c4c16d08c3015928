internal import ApplianceModel
internal import Basics
internal import Crypto
internal import PostgresServer

/// Everything that determines the content of a built image.
struct ImageRecipe: Sendable {
    /// Increase this when the build process changes in a way that neither the script nor the packages show.
    static let version = 2

    let release: DebianRelease
    let mirror: DebianMirror

    /// The contents of the image in addition to Debian's minimum.
    var packages: [String] { Self.packages(of: release) }

    static func packages(of release: DebianRelease) -> [String] {
        // Debian 12 has the first in the package systemd, and zones such as US/Pacific in tzdata.
        commonPackages + (release == .debian13 ? ["systemd-repart", "tzdata-legacy"] : [])
    }

    private static let commonPackages = [
        // The system itself and what it needs to boot.
        "systemd-sysv", "linux-image-cloud-amd64", "initramfs-tools", "zstd", "systemd-boot", "systemd-boot-efi", "udev", "kmod", "dbus",
        "libpam-systemd", "systemd-resolved", "e2fsprogs", "dosfstools", "logrotate", "debian-archive-keyring", "ca-certificates",
        // First boot and administration.
        "cloud-init", "cloud-guest-utils", "openssh-server", "sudo", "qemu-guest-agent", "chrony", "nftables", "iproute2",
        "iputils-ping", "libcap2-bin", "less", "procps", "tzdata", "locales",
        // Verification.
        "fio", "openssl", "ethtool", "iperf3",
        // PostgreSQL without its server, which the deployment installs.
        "postgresql-common", "ssl-cert", "eatmydata",
    ]

    /// Paths that dpkg leaves out: no one reads them on a database server, and each is a file to write.
    static let excludedPaths = [
        "path-exclude=/usr/share/man/*", "path-exclude=/usr/share/info/*", "path-exclude=/usr/share/locale/*",
        "path-exclude=/usr/share/doc/*", "path-include=/usr/share/doc/*/copyright",
    ]

    /// The script that turns the unpacked packages into an image.
    static var customization: String { String(decoding: PackageResources.customize_sh, as: UTF8.self) }

    /// The key of the image in the cache.
    var key: String {
        var parts = ["pgkvm image", String(Self.version), release.rawValue, release.suite, String(release.postgresqlVersion)]
        parts += packages + Self.excludedPaths
        for archive in [mirror.main, mirror.security] {
            parts += [archive.uri, archive.signedBy.text, archive.guestFields]
        }
        for (path, content) in mirror.filesOfGuest.sorted(by: { $0.key < $1.key }) { parts += [path, content] }
        parts += [Self.customization, ServerCatalogue.question]
        return Self.key(of: parts)
    }

    /// The key of an imported image: its checksum identifies it completely.
    static func key(imported checksum: ImageChecksum) -> String { key(of: ["pgkvm import", checksum.description]) }

    /// A digest that differs for any two different lists of parts.
    private static func key(of parts: [String]) -> String {
        var hash = SHA256()
        for part in parts { hash.update(data: Array("\(part.utf8.count):\(part)\n".utf8)) }
        return hash.finalize().hexadecimal
    }
}

extension SignedBy {
    fileprivate var text: String {
        switch self {
        case .files(let files): files.joined(separator: " ")
        case .armoured(let key): key
        }
    }
}
