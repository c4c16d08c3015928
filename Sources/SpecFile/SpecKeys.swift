internal import ApplianceModel

/// The keys of the spec file. The order is that of a rendered file.
package enum SpecKeys {
    /// Every key, a section before what stands in it.
    package static let all: [SpecKey] = head + machineKeys + networkKeys + dataKeys + postgresqlKeys + verifyKeys

    /// The key of a path; the number of a list's entry makes no difference.
    package static func key(at path: String) -> SpecKey? { all.first { $0.path == path } }

    static let top = names(in: "")
    static let machine = names(in: "machine")
    static let systemDisk = names(in: "machine.systemDisk")
    static let libvirt = names(in: "machine.libvirt")
    static let proxmox = names(in: "machine.proxmox")
    static let network = names(in: "network")
    static let data = names(in: "data")
    static let postgresql = names(in: "postgresql")
    static let verify = names(in: "verify")
    static let role = names(in: "postgresql.roles[]")
    static let database = names(in: "postgresql.databases[]")

    static func names(in section: String) -> [String] { all.filter { $0.parent == section }.map(\.name) }

    /// Where else a key would be at home: a full path, for a key that stands in the wrong section.
    static func home(of key: String) -> String? {
        let homes = all.filter { $0.name == key }.map(\.path)
        return homes.count == 1 ? homes.first : nil
    }
}

extension SpecKeys {
    private static func section(_ path: String, _ meaning: String) -> SpecKey {
        SpecKey(path, .section, meaning, standard: "the defaults of its keys", change: .byItsKeys)
    }

    private static func choice<Choice: RawRepresentable & CaseIterable>(_ type: Choice.Type) -> SpecForm where Choice.RawValue == String {
        .choice(type.allCases.map(\.rawValue))
    }

    private static let head = [
        SpecKey("formatVersion", .number(1...ApplianceSpec.currentFormat), "the format of the file", standard: nil, change: .expectation),
        SpecKey(
            "name", .text(TextForm(pattern: "^(?=.{1,40}$)[a-z](-?[a-z0-9])*$")), "1 to 40 lower-case letters, digits and single hyphens; also the host name",
            standard: nil, change: .fixed("it is what the appliance, its guest and its certificate are called")),
    ]

    private static let machineKeys =
        [
            section("machine", "the virtual machine"),
            SpecKey(
                "machine.backend", choice(BackendKind.self), "the platform that runs the machine", standard: "qemu",
                change: .fixed("the machine is one of this platform")),
            SpecKey(
                "machine.accelerator", choice(AcceleratorChoice.self), "auto takes KVM where it works, else emulation with a warning", standard: "auto",
                change: .fixed("it was decided when the host was checked, and the machine was made for it")),
            SpecKey("machine.vcpus", .number(1...256), "virtual processors, 1 to 256", standard: "2", change: .restart),
            SpecKey("machine.memory", .size, "memory, 512MiB to 4TiB in whole MiB", standard: "2GiB", change: .restart),
            SpecKey(
                "machine.image", .text(TextForm(pattern: "^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$")), "debian-13, debian-12, or an image of the cache",
                standard: "debian-13", change: .fixed("the system disk was made from the image")),
            section("machine.systemDisk", "the disk of the operating system"),
            SpecKey(
                "machine.systemDisk.size", .size, "4GiB to 16TiB; a larger image keeps its size", standard: "8GiB",
                change: .fixed("the system disk was made with this size")),
            SpecKey(
                "machine.systemDisk.layout", choice(ApplianceSpec.SystemDisk.Layout.self), "copy stands alone; overlay lies on a base", standard: "copy",
                change: .fixed("the system disk was made this way")),
        ] + platformKeys

    private static let name = TextForm(pattern: "^[A-Za-z0-9][A-Za-z0-9._-]{0,79}$")

    private static let platformKeys = [
        section("machine.libvirt", "with 'backend: libvirt'"),
        SpecKey(
            "machine.libvirt.uri", .text(TextForm(pattern: #"^qemu(\+ssh)?://[^/]*/(system|session)$"#)),
            "the daemon; qemu+ssh://USER@HOST/system for another host",
            standard: "qemu:///system", change: .fixed("the machine is a domain of this daemon")),
        SpecKey(
            "machine.libvirt.pool", .text(name), "the storage pool of the disks", standard: "default", change: .fixed("the disks lie there")),
        section("machine.proxmox", "with 'backend: proxmox'"),
        SpecKey(
            "machine.proxmox.url", .text(TextForm(pattern: "^https://")), "the API, such as https://pve1.example.org:8006", standard: nil, change: .expectation),
        SpecKey(
            "machine.proxmox.tokenFile", .text(TextForm(pattern: "^/")), "file with the API token, readable by its owner only",
            standard: "none: $PGKVM_PROXMOX_TOKEN, or the credential pgkvm-proxmox-token", change: .expectation),
        SpecKey(
            "machine.proxmox.caFile", .text(TextForm(pattern: "^/")), "certificate authority of the server", standard: "none: the host's own",
            change: .expectation),
        SpecKey(
            "machine.proxmox.fingerprint", .text(TextForm(pattern: "^[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){31}$")),
            "SHA-256 of the server's certificate, instead of an authority", standard: "none", change: .expectation),
        SpecKey(
            "machine.proxmox.node", .text(name), "the node, or auto: the one with the most room", standard: "auto",
            change: .fixed("the cluster moves a machine, not pgkvm")),
        SpecKey("machine.proxmox.storage", .text(name), "the storage of the disks", standard: nil, change: .fixed("the disks lie there")),
        SpecKey(
            "machine.proxmox.imageStorage", .text(name), "the storage of the base image, with content 'import'", standard: "one that has it",
            change: .fixed("the system disk was made from the image")),
        SpecKey(
            "machine.proxmox.isoStorage", .text(name), "the storage of the seed, with content 'iso'", standard: "one that has it",
            change: .fixed("the seed was there at the first boot")),
        SpecKey("machine.proxmox.pool", .text(name), "the resource pool of the machine", standard: "none", change: .fixed("the machine belongs to it")),
        SpecKey(
            "machine.proxmox.ha", .flag, "true: the cluster's HA manager keeps it running", standard: "false", change: .inPlace),
    ]

    private static let address = TextForm(pattern: #"^[0-9]{1,3}(\.[0-9]{1,3}){3}$"#)

    private static let networkKeys = [
        section("network", "how the guest is reached"),
        SpecKey(
            "network.mode", choice(ApplianceSpec.Network.Mode.self), "user: reached from this host only; bridge, tap or nat (of libvirt): from a network",
            standard: "user",
            change: .fixed("clients and certificate rely on it")),
        SpecKey(
            "network.forwarder", choice(ApplianceSpec.Network.Forwarder.self), "with user: passt keeps the guest from this host; slirp, in QEMU, does not",
            standard: "auto: passt with qemu, slirp with libvirt",
            change: .fixed("the guest's network was set up at its first boot")),
        SpecKey(
            "network.device", .text(TextForm(pattern: "^[A-Za-z0-9._-]{1,50}$")), "the host's bridge or tap device, or libvirt's network", standard: "none",
            change: .fixed("the machine was made for it")),
        SpecKey(
            "network.address", .text(TextForm(pattern: #"^(dhcp|static|[0-9]{1,3}(\.[0-9]{1,3}){3}/[0-9]{1,2})$"#)),
            "dhcp, static (with user), or the guest's own: 192.168.1.20/24", standard: "dhcp",
            change: .fixed("the guest's network was set up at its first boot")),
        SpecKey(
            "network.gateway", .text(address), "the router, with an address of the guest's own", standard: "none: the guest's network only",
            change: .fixed("the guest's network was set up at its first boot")),
        SpecKey(
            "network.nameServers", .texts(address), "whom the guest asks for names, with an address of its own", standard: "none",
            change: .fixed("the guest's network was set up at its first boot")),
        SpecKey(
            "network.sshPort", .port, "port of 127.0.0.1 for SSH, 1024 or above", standard: "a free one, kept for life",
            change: .fixed("the ports are kept for the appliance's life")),
        SpecKey(
            "network.postgresqlPort", .port, "port of 127.0.0.1 for PostgreSQL, 1024 or above", standard: "a free one, kept for life",
            change: .fixed("the ports are kept for the appliance's life: clients have them in their connection strings")),
    ]

    private static let dataKeys = [
        section("data", "the disk of the database"),
        SpecKey(
            "data.size", .size, "1GiB to 16TiB, reserved on the host at once", standard: "10GiB",
            change: .onlyGrows("a smaller disk would cut off data")),
        SpecKey(
            "data.adopt", .text(TextForm(pattern: "^/")), "absolute path of the directory that 'delete --keep-data' left", standard: "none: a new disk",
            change: .fixed("the data disk was chosen when the machine was made")),
    ]

    private static let postgresqlKeys = [
        section("postgresql", "the server and what is in it"),
        SpecKey(
            "postgresql.version", .number(13...18), "major version; of the distribution, or with 'source: pgdg' 13 to 18", standard: "the distribution's",
            change: .fixed("the data was written by this version; upgrading is a work of its own")),
        SpecKey(
            "postgresql.source", choice(ApplianceSpec.PostgreSQL.PackageSource.self), "where the packages come from", standard: "distribution",
            change: .fixed("the packages are installed")),
        SpecKey(
            "postgresql.profile", choice(ApplianceSpec.PostgreSQL.Profile.self), "what the settings are tuned for", standard: "mixed", change: .inPlace),
        SpecKey(
            "postgresql.locale", .text(.any), "C.UTF-8, C, POSIX, or a UTF-8 locale of the C library such as de_CH.UTF-8", standard: "C.UTF-8",
            change: .fixed("the order of every text index follows from it")),
        SpecKey("postgresql.timeZone", .text(.any), "an IANA name such as Europe/Zurich", standard: "Etc/UTC", change: .inPlace),
        SpecKey(
            "postgresql.allowFrom", .texts(TextForm(pattern: #"^[0-9]{1,3}(\.[0-9]{1,3}){3}(/[0-9]{1,2})?$"#)), "networks whose clients may connect",
            standard: "none but this host", change: .inPlace),
        SpecKey("postgresql.settings", .words, "settings of postgresql.conf; they win over what pgkvm computes", standard: "none", change: .inPlace),
        SpecKey(
            "postgresql.roles", .entries, "roles that log in, each with a generated password", standard: "app, when there are neither roles nor databases",
            change: .onlyAdds("pgkvm takes no role and no membership away: what the role owns would be left to nobody")),
        SpecKey("postgresql.roles[].name", .text(.any), "1 to 63 bytes", standard: nil, change: .byItsKeys),
        SpecKey(
            "postgresql.roles[].memberOf", .texts(.any), "roles of this list, or PostgreSQL's own such as pg_read_all_data", standard: "none",
            change: .byItsKeys),
        SpecKey(
            "postgresql.roles[].replication", .flag, "true: it may stream the WAL, for base backups, pg_receivewal and standbys", standard: "false",
            change: .byItsKeys),
        SpecKey(
            "postgresql.databases", .entries, "databases", standard: "app, owned by app, when there are neither roles nor databases",
            change: .onlyAdds("pgkvm drops no database and no extension, whose data would be lost, and gives none to another owner")),
        SpecKey("postgresql.databases[].name", .text(.any), "1 to 63 bytes", standard: nil, change: .byItsKeys),
        SpecKey("postgresql.databases[].owner", .text(.any), "a role of the list", standard: nil, change: .byItsKeys),
        SpecKey(
            "postgresql.databases[].extensions", .texts(TextForm(pattern: "^[a-z][a-z0-9_-]{0,62}$")), "extensions to create in it", standard: "none",
            change: .byItsKeys),
    ]

    private static let verifyKeys = [
        section("verify", "what 'pgkvm verify' expects beyond the rest"),
        SpecKey("verify.limits", .words, "bounds of figures, such as disk.write-latency.p99: 5ms", standard: "none", change: .expectation),
    ]
}
