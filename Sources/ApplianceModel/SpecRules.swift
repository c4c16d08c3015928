internal import Basics
internal import Quoting

/// The rules of a spec that need no host. `check-host` checks what depends on the host (free space, ports in use, KVM).
package enum SpecRules {
    /// All faults of a spec, in the order of the file; empty if it can be deployed.
    package static func faults(in spec: ApplianceSpec) -> [SpecFault] {
        machine(spec.machine) + network(spec.network) + platform(spec) + dataDisk(spec.dataDisk)
            + server(spec.postgresql, image: spec.machine.image, network: spec.network)
            + PostgreSQLNames.faults(in: spec.postgresql) + limits(spec.verification)
    }

    /// Throws one failure that lists every fault.
    /// - Parameter source: where the faults are, for the message: `the command line`, `'spec.yaml'`.
    /// - Throws: `spec.invalid`.
    package static func check(_ spec: ApplianceSpec, source: String) throws {
        let faults = faults(in: spec)
        guard faults.isEmpty else { throw Failure.invalidSpec(source, faults: faults.map(\.description)) }
    }
}

extension SpecRules {
    private static func machine(_ machine: ApplianceSpec.Machine) -> [SpecFault] {
        var faults: [SpecFault] = []
        if !SpecLimits.vcpus.contains(machine.vcpus) {
            faults.append(SpecFault("machine.vcpus", "\(machine.vcpus) virtual CPUs are not possible; allowed are \(SpecLimits.vcpus.words)"))
        }
        faults += size(machine.memory, at: "machine.memory", in: SpecLimits.memory)
        if case .cached(let name) = machine.image, !isImageName(name) {
            faults.append(
                SpecFault(
                    "machine.image",
                    "\(shown(name)) is not the name of an image; allowed are \(listed(DebianRelease.self)), or the name or key of an image in the cache"))
        }
        faults += size(machine.systemDisk.size, at: "machine.systemDisk.size", in: SpecLimits.systemDisk)
        return faults
    }

    private static func network(_ network: ApplianceSpec.Network) -> [SpecFault] {
        var faults: [SpecFault] = []
        for (key, port) in [("network.sshPort", network.sshPort), ("network.postgresqlPort", network.postgresqlPort)] {
            if let port, !SpecLimits.ports.contains(Int(port)) {
                faults.append(
                    SpecFault(key, "port \(port) is reserved for root and the guest is run by an ordinary user; allowed are \(SpecLimits.ports.words)"))
            }
        }
        if let port = network.sshPort, port == network.postgresqlPort {
            faults.append(SpecFault("network.postgresqlPort", "port \(port) is also 'network.sshPort'; the two must differ"))
        }
        if let fault = SpecLimits.fault("network.nameServers", network.nameServers.count, SpecLimits.nameServers, "name servers") { faults.append(fault) }
        return faults + (network.mode == .user ? userNetwork(network) : hostNetwork(network))
    }

    /// Faults: keys that have no meaning with user networking.
    private static func userNetwork(_ network: ApplianceSpec.Network) -> [SpecFault] {
        var faults: [SpecFault] = []
        func refuse(_ key: String, if isThere: Bool) {
            if isThere { faults.append(SpecFault("network.\(key)", "user networking has none; leave it out, or choose 'mode: bridge' or 'mode: tap'")) }
        }
        refuse("device", if: network.device != nil)
        refuse("gateway", if: network.gateway != nil)
        refuse("nameServers", if: !network.nameServers.isEmpty)
        if case .own = network.address {
            faults.append(
                SpecFault(
                    "network.address", "user networking plans \(UserNetworking.guest)/\(UserNetworking.prefixLength) for its guest; allowed are dhcp and static"
                ))
        }
        return faults
    }

    /// Faults with a network of the host, which pgkvm neither plans nor forwards.
    private static func hostNetwork(_ network: ApplianceSpec.Network) -> [SpecFault] {
        var faults: [SpecFault] = []
        let mode = network.mode.rawValue
        if let device = network.device {
            if !isDeviceName(device, longest: network.mode == .nat ? 50 : 15) {
                faults.append(
                    SpecFault("network.device", "\(shown(device)) is not the name of a network device; allowed are 1 to 15 letters, digits, '.', '_', '-'"))
            }
        } else if network.mode == .nat {
            faults.append(SpecFault("network.device", "'mode: nat' needs the name of a network of libvirt's, such as default"))
        } else {
            faults.append(
                SpecFault("network.device", "'mode: \(mode)' needs the name of the host's \(mode) device, such as \(network.mode == .bridge ? "br0" : "tap0")"))
        }
        for (key, port) in [("network.sshPort", network.sshPort), ("network.postgresqlPort", network.postgresqlPort)] where port != nil {
            faults.append(SpecFault(key, "with 'mode: \(mode)' the guest has an address of its own, with its usual ports; leave it out"))
        }
        guard case .own(let interface) = network.address else {
            if network.address == .static {
                faults.append(
                    SpecFault("network.address", "nobody plans an address for the guest here; allowed are dhcp and an address such as 192.168.1.20/24"))
            }
            for (key, isThere) in [("gateway", network.gateway != nil), ("nameServers", !network.nameServers.isEmpty)] where isThere {
                faults.append(SpecFault("network.\(key)", "the guest learns it by DHCP; leave it out, or give the guest an address of its own"))
            }
            return faults
        }
        if let gateway = network.gateway, !interface.network.contains(gateway) || gateway == interface.address {
            faults.append(SpecFault("network.gateway", "\(gateway) is no other host of the guest's network \(interface.network)"))
        }
        return faults
    }

    /// Whether the kernel accepts the name for a network device; only characters that need no quoting are allowed.
    private static func isDeviceName(_ name: String, longest: Int) -> Bool {
        (1...longest).contains(name.utf8.count) && ![".", ".."].contains(name)
            && name.utf8.allSatisfy { "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-".utf8.contains($0) }
            && !name.begins(with: "-")
    }

    private static func dataDisk(_ disk: ApplianceSpec.DataDisk) -> [SpecFault] {
        var faults = size(disk.size, at: "data.size", in: SpecLimits.dataDisk)
        if let path = disk.adopt, !path.begins(with: "/") || path.unicodeScalars.contains(where: \.isControl) {
            faults.append(SpecFault("data.adopt", "\(shown(path)) is not an absolute path; give the directory that 'delete --keep-data' named"))
        }
        return faults
    }

    private static func server(
        _ server: ApplianceSpec.PostgreSQL, image: ImageChoice, network: ApplianceSpec.Network
    ) -> [SpecFault] {
        var faults: [SpecFault] = []
        if let message = versionFault(server, image: image) { faults.append(SpecFault("postgresql.version", message)) }
        if let message = localeFault(server.locale) { faults.append(SpecFault("postgresql.locale", message)) }
        if let message = timeZoneFault(server.timeZone) { faults.append(SpecFault("postgresql.timeZone", message)) }
        let list = "postgresql.allowFrom"
        if let fault = SpecLimits.fault(list, server.allowFrom.count, SpecLimits.networks, "networks") { return faults + [fault] }
        var seen: Set<IPv4Network> = []
        for (index, allowed) in server.allowFrom.enumerated() {
            let path = "\(list)[\(index)]"
            if network.mode == .user, !isThisHost(allowed) {
                faults.append(
                    SpecFault(
                        path,
                        "\(allowed) is beyond this host, and under user networking only the host itself reaches the guest; "
                            + "allowed are \(UserNetworking.gateway)/32 (this host, as the guest sees it) and networks within 127.0.0.0/8"))
            }
            if !seen.insert(allowed).inserted { faults.append(SpecFault(path, "\(allowed) is listed twice")) }
        }
        return faults
    }

    private static func limits(_ verification: ApplianceSpec.Verification) -> [SpecFault] {
        verification.limits.sorted { $0.key < $1.key }.compactMap { name, text in
            do {
                _ = try MetricLimit(metric: name, text: text)
                return nil
            } catch {
                return SpecFault("verify.limits.\(name)", "\(error)")
            }
        }
    }

    private static func versionFault(_ server: ApplianceSpec.PostgreSQL, image: ImageChoice) -> String? {
        guard let version = server.version else { return nil }
        switch (server.source, image) {
        case (.distribution, .release(let release)) where version != release.postgresqlVersion:
            return "\(release.rawValue) has PostgreSQL \(release.postgresqlVersion), not \(version); "
                + "allowed is \(release.postgresqlVersion), or 'source: pgdg' with \(SpecLimits.projectVersions.words)"
        case (.distribution, .cached) where !(15...17).contains(version):
            return
                "PostgreSQL \(version) is not in a distribution that pgkvm knows; allowed are 15 to 17, or 'source: pgdg' with \(SpecLimits.projectVersions.words)"
        case (.pgdg, _) where !SpecLimits.projectVersions.contains(version):
            return "the PostgreSQL project's repository is used for the versions \(SpecLimits.projectVersions.words); \(version) is not one of them"
        default:
            return nil
        }
    }

    /// Whether the network is the loopback network, or the address under which the guest of user networking sees its host.
    package static func isThisHost(_ network: IPv4Network) -> Bool {
        network.isLoopback || network.prefixLength == 32 && network.address == UserNetworking.gateway
    }

    private static func size(_ size: ByteSize, at path: String, in range: ClosedRange<ByteSize>) -> [SpecFault] {
        if size < range.lowerBound {
            if let meant = meant(by: size.bytes, range) {
                return [SpecFault(path, "\(size.bytes) bytes? a number without a unit is bytes; write \(meant)")]
            }
            return [SpecFault(path, "\(size) is too small; allowed are \(range.words)")]
        }
        if size > range.upperBound { return [SpecFault(path, "\(size) is too large; allowed are \(range.words)")] }
        guard size.bytes % (1 << 20) == 0 else {
            let nearest = ByteSize.mebibytes(size.mebibytes + 1)
            return [SpecFault(path, "\(size) is not a whole number of MiB; the next that is: \(nearest) (1 GiB is 1024 MiB, 1 GB is not a whole number)")]
        }
        return []
    }

    /// The likely meaning of a number that is far too small: megabytes, in which libvirt's and Proxmox's forms count memory, or gigabytes.
    private static func meant(by number: Int64, _ range: ClosedRange<ByteSize>) -> String? {
        guard (1..<1 << 17).contains(number) else { return nil }
        let (mebibytes, gibibytes) = (ByteSize.mebibytes(number), ByteSize.gibibytes(number))
        var words = range.contains(mebibytes) ? ["\(number)MiB"] : []
        if range.contains(mebibytes), number % 1024 == 0 {
            words.append("\(mebibytes)")
        } else if range.contains(gibibytes) {
            words.append("\(number)GiB")
        }
        return words.isEmpty ? nil : words.joined(separator: " or ")
    }
}
