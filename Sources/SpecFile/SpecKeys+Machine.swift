internal import ApplianceModel

extension ApplianceSpec.Machine: DefaultPart {
    static var standard: Self { Self() }

    static let fields: [SpecField<Self>] = [
        SpecField(
            "machine.backend", .choice, \.backend, "the platform that runs the machine", change: .fixed("the machine is one of this platform")),
        SpecField(
            "machine.accelerator", .choice, \.accelerator, "auto takes KVM where it works, else emulation with a warning",
            change: .fixed("it was decided when the host was checked, and the machine was made for it")),
        SpecField("machine.vcpus", .number(SpecLimits.vcpus), \.vcpus, "virtual processors, \(SpecLimits.vcpus.words)", change: .restart),
        SpecField("machine.memory", .size, \.memory, "memory, \(SpecLimits.memory.words) in whole MiB", change: .restart),
        SpecField(
            "machine.image", .text(.image), \.image, "debian-13, debian-12, or an image of the cache", change: .fixed("the system disk was made from the image")
        ),
        .section("machine.systemDisk", \.systemDisk, "the disk of the operating system"),
        .section("machine.libvirt", \.libvirt, "with 'backend: libvirt'") { machine in
            // The section of another platform has no effect.
            (machine.backend == .libvirt ? machine.libvirt : nil) ?? .standard
        },
        .section("machine.proxmox", \.proxmox, "with 'backend: proxmox'") { machine in machine.backend == .proxmox ? machine.proxmox : nil },
    ]
}

extension ApplianceSpec.SystemDisk: DefaultPart {
    static var standard: Self { Self() }

    static let fields: [SpecField<Self>] = [
        SpecField(
            "machine.systemDisk.size", .size, \.size, "\(SpecLimits.systemDisk.words); a larger image keeps its size",
            change: .fixed("the system disk was made with this size")),
        SpecField(
            "machine.systemDisk.layout", .choice, \.layout, "copy stands alone; overlay lies on a base", change: .fixed("the system disk was made this way")),
    ]
}

extension ApplianceSpec.Libvirt: DefaultPart {
    static var standard: Self { Self() }

    static let fields: [SpecField<Self>] = [
        SpecField(
            "machine.libvirt.uri", .text(.matching(#"^qemu(\+ssh)?://[^/]*/(system|session)$"#)), \.uri,
            "the daemon; qemu+ssh://USER@HOST/system for another host", change: .fixed("the machine is a domain of this daemon")),
        SpecField("machine.libvirt.pool", .text(.platformName), \.pool, "the storage pool of the disks", change: .fixed("the disks lie there")),
    ]
}

extension ApplianceSpec.Proxmox: DefaultPart {
    static var standard: Self { Self(url: "", storage: "") }

    static let fields: [SpecField<Self>] = [
        SpecField(
            "machine.proxmox.url", .text(.matching("^https://")), \.url, "the API, such as https://pve1.example.org:8006", isRequired: true,
            change: .expectation),
        SpecField(
            "machine.proxmox.tokenFile", .optional(.text(.absolutePath)), \.tokenFile, "file with the API token, readable by its owner only",
            standard: "none: $PGKVM_PROXMOX_TOKEN, or the credential pgkvm-proxmox-token", change: .expectation),
        SpecField(
            "machine.proxmox.caFile", .optional(.text(.absolutePath)), \.caFile, "certificate authority of the server", standard: "none: the host's own",
            change: .expectation),
        SpecField(
            "machine.proxmox.fingerprint", .optional(.text(.matching("^[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){31}$"))), \.fingerprint,
            "SHA-256 of the server's certificate, instead of an authority", change: .expectation),
        SpecField(
            "machine.proxmox.node", .text(.platformName), \.node, "the node, or auto: the one with the most room",
            change: .fixed("the cluster moves a machine, not pgkvm")),
        SpecField(
            "machine.proxmox.storage", .text(.platformName), \.storage, "the storage of the disks", isRequired: true, change: .fixed("the disks lie there")),
        SpecField(
            "machine.proxmox.imageStorage", .optional(.text(.platformName)), \.imageStorage, "the storage of the base image, with content 'import'",
            standard: "one that has it", change: .fixed("the system disk was made from the image")),
        SpecField(
            "machine.proxmox.isoStorage", .optional(.text(.platformName)), \.isoStorage, "the storage of the seed, with content 'iso'",
            standard: "one that has it", change: .fixed("the seed was there at the first boot")),
        SpecField(
            "machine.proxmox.pool", .optional(.text(.platformName)), \.pool, "the resource pool of the machine", change: .fixed("the machine belongs to it")),
        SpecField("machine.proxmox.ha", .flag, \.ha, "true: the cluster's HA manager keeps it running", change: .inPlace),
    ]
}
