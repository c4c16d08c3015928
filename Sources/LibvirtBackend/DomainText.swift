internal import ApplianceModel
internal import Basics
internal import BuiltinTemplates
internal import MachineBackend
internal import Mustache
internal import Quoting

/// The XML of a machine. Pure: turns the decisions into the text that libvirt is given.
struct DomainText {
    let spec: MachineSpec
    /// The values that the machine's texts contain; nil when everything is chosen.
    var planned: PlannedValues?
    /// The directory of the volumes on the daemon's host. A disk is given as a file: for a disk that is named by its pool, libvirt's AppArmor
    /// helper does not write a rule, and QEMU may not open it.
    let directory: String
    /// The file on the daemon's host that receives what the guest prints; nil for none.
    let log: String?
    var hasSeed = false

    /// The XML namespace of the mark that identifies pgkvm's domains.
    static let namespace = "urn:pgkvm:appliance:1"
    /// One for each device for which libvirt uses a separate PCIe port, and four for hot-plugging.
    static let rootPorts = 12
    /// libvirt's target name for the seed.
    static let seedTarget = "sda"
    /// libvirt's target name for the data disk.
    static let dataTarget = "vdb"

    /// The definition of the domain.
    func domain() throws -> String {
        let network = spec.network
        let planned = planned ?? PlannedValues(of: spec)
        var values: [String: Any] = [
            "type": spec.cpu.accelerator == .kvm ? "kvm" : "qemu", "name": spec.name.rawValue,
            "uuid": planned.deployment.value?.uuid ?? "\(planned.deployment)",
            "deployment": "\(planned.deployment)", "namespace": Self.namespace, "memory": spec.cpu.memory.bytes / 1024, "vcpus": spec.cpu.vcpus,
            "iothread": spec.disk.ioThread, "uefi": spec.image.firmware == .uefi,
            // Under emulation there is no host processor to pass through.
            "cpu": spec.cpu.accelerator == .kvm ? "host-passthrough" : "maximum", "rootPorts": Array(1...Self.rootPorts),
            "cache": spec.disk.cacheDirect ? "none" : "writeback", "io": spec.disk.aio.rawValue, "directory": directory,
            "systemVolume": VolumeNames(spec).system, "dataVolume": VolumeNames(spec).data, "dataSerial": MachineSpec.dataDiskSerial,
            "user": network.mode == .user, "mac": "\(planned.macAddress)",
            "forwards": GuestService.allCases.map { "hostfwd=tcp:127.0.0.1:\(planned.port(of: $0))-:\($0.port)" }.joined(separator: ","),
        ]
        if let log { values["log"] = log }
        if hasSeed { values["seed"] = try seed() }
        if network.mode != .user {
            var card: [String: Any] = [
                "type": network.mode == .bridge ? "bridge" : "network", "mac": "\(planned.macAddress)", "device": network.device ?? "",
            ]
            if let queues = network.queues, queues > 1 { card["queues"] = queues }
            values["network"] = card
        }
        return try Self.render("libvirt/domain.xml", values)
    }

    /// The medium of the first boot: a CD-ROM drive on virtio-scsi, since Debian's cloud kernel has no driver for SATA.
    func seed() throws -> String { try Self.render("libvirt/seed.xml", ["directory": directory, "volume": VolumeNames(spec).seed]) }

    private static func render(_ name: String, _ values: [String: Any]) throws -> String {
        guard let text = BuiltinTemplates.text(name) else { throw Failure(.machineFailed, "there is no template '\(name)'") }
        MustacheContentTypes.register(XMLContent(), named: XMLContent.name)
        do {
            return try MustacheTemplate(string: text).render(values)
        } catch {
            throw Failure(.machineFailed, "template '\(name)' cannot be read as Mustache", cause: error)
        }
    }
}

/// How an XML template formats its values.
private struct XMLContent: MustacheContentType {
    /// The name that the template uses for it.
    static let name = "PGKVM_XML"

    func escapeText(_ text: String) -> String { XMLText(attribute: text).text }
}
