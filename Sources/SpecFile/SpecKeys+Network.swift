internal import ApplianceModel

extension ApplianceSpec.Network: DefaultPart {
    static var standard: Self { Self() }

    private static let setUp = SpecChangeRule.fixed("the guest's network was set up at its first boot")

    static let fields: [SpecField<Self>] = [
        SpecField(
            "network.mode", .choice, \.mode, "user: reached from this host only; bridge, tap or nat (of libvirt): from a network",
            change: .fixed("clients and certificate rely on it")),
        SpecField(
            "network.forwarder", .choice.leftOut { $0 == .auto }, \.forwarder, "with user: passt keeps the guest from this host; slirp, in QEMU, does not",
            standard: "auto: passt with qemu, slirp with libvirt", change: setUp),
        SpecField(
            "network.device", .optional(.text(.matching("^[A-Za-z0-9._-]{1,50}$"))), \.device, "the host's bridge or tap device, or libvirt's network",
            change: .fixed("the machine was made for it")),
        SpecField(
            "network.address", .text(.guest), \.address, "dhcp, static (with user), or the guest's own: 192.168.1.20/24", change: setUp),
        SpecField(
            "network.gateway", .optional(.text(.address)), \.gateway, "the router, with an address of the guest's own",
            standard: "none: the guest's network only", change: setUp),
        SpecField(
            "network.nameServers", .texts(.address, limit: SpecLimits.nameServers, "name servers").leftOut(where: \.isEmpty), \.nameServers,
            "whom the guest asks for names, with an address of its own", standard: "none", change: setUp),
        SpecField(
            "network.sshPort", .optional(.port, unset: "chosen by pgkvm"), \.sshPort, "port of 127.0.0.1 for SSH, \(SpecLimits.ports.lowerBound) or above",
            standard: "a free one, kept for life", change: .fixed("the ports are kept for the appliance's life")),
        SpecField(
            "network.postgresqlPort", .optional(.port, unset: "chosen by pgkvm"), \.postgresqlPort,
            "port of 127.0.0.1 for PostgreSQL, \(SpecLimits.ports.lowerBound) or above",
            standard: "a free one, kept for life",
            change: .fixed("the ports are kept for the appliance's life: clients have them in their connection strings")),
    ]
}
