internal import Quoting

/// What each platform supports, and the rules of its own keys.
extension SpecRules {
    static func platform(_ spec: ApplianceSpec) -> [SpecFault] {
        let machine = spec.machine
        let keys = (machine.libvirt.map(libvirt) ?? []) + (machine.proxmox.map(proxmox) ?? [])
        return keys + network(spec) + forwarder(spec) + missing(spec)
    }

    private static func network(_ spec: ApplianceSpec) -> [SpecFault] {
        let (backend, mode) = (spec.machine.backend, spec.network.mode)
        let possible = modes(of: spec.machine)
        guard !possible.contains(mode) else { return [] }
        let reason: String
        switch (backend, mode) {
        case (.qemu, _): reason = "'nat' is a network of libvirt's"
        case (.libvirt, .user): reason = "user networking is reached at the host of the daemon only, which is another one"
        case (.libvirt, _): reason = "libvirt makes its tap devices by itself"
        case (.proxmox, _): reason = "Proxmox VE connects a machine to a bridge of its nodes, such as vmbr0"
        }
        return [SpecFault("network.mode", "with 'backend: \(backend.rawValue)' allowed is \(listed(possible.map(\.rawValue))): \(reason)")]
    }

    /// The network modes that a platform supports.
    private static func modes(of machine: ApplianceSpec.Machine) -> [ApplianceSpec.Network.Mode] {
        switch machine.backend {
        case .qemu: [.user, .bridge, .tap]
        case .libvirt: machine.libvirt?.isThisHost == false ? [.bridge, .nat] : [.user, .bridge, .nat]
        case .proxmox: [.bridge]
        }
    }

    /// libvirt accepts passt only from version 9.2 on, and then starts it itself.
    private static func forwarder(_ spec: ApplianceSpec) -> [SpecFault] {
        guard spec.network.forwarder == .passt, spec.network.mode != .user || spec.machine.backend != .qemu else { return [] }
        return [SpecFault("network.forwarder", "\(spec.network.forwarder.rawValue) goes with 'backend: qemu' and 'mode: user'; leave it out")]
    }

    /// Faults: keys that only machines of this host's QEMU support, and missing keys that Proxmox VE requires.
    private static func missing(_ spec: ApplianceSpec) -> [SpecFault] {
        let backend = spec.machine.backend
        guard backend != .qemu else { return [] }
        var faults: [SpecFault] = []
        if spec.machine.systemDisk.layout == .overlay {
            faults.append(SpecFault("machine.systemDisk.layout", "with 'backend: \(backend.rawValue)' allowed is copy: the base image lies on this host"))
        }
        if spec.dataDisk.adopt != nil {
            faults.append(SpecFault("data.adopt", "with 'backend: \(backend.rawValue)' no disk can be adopted: it is a file of this host"))
        }
        if backend == .proxmox, spec.machine.proxmox == nil {
            faults.append(SpecFault("machine.proxmox", "'backend: proxmox' needs at least 'proxmox.url' and 'proxmox.storage'"))
        }
        return faults
    }

    private static func libvirt(_ libvirt: ApplianceSpec.Libvirt) -> [SpecFault] {
        var faults: [SpecFault] = []
        if libvirt.uri.wholeMatch(of: #/qemu:\/\/\/(system|session)|qemu\+ssh:\/\/([A-Za-z0-9._-]+@)?[A-Za-z0-9.-]+(:[0-9]{1,5})?\/(system|session)/#) == nil {
            faults.append(
                SpecFault(
                    "machine.libvirt.uri", "\(shown(libvirt.uri)) is not supported; allowed are qemu:///system, qemu:///session and qemu+ssh://USER@HOST/system"
                ))
        }
        return faults + identifier(libvirt.pool, "machine.libvirt.pool", "a storage pool")
    }

    private static func proxmox(_ proxmox: ApplianceSpec.Proxmox) -> [SpecFault] {
        var faults: [SpecFault] = []
        if proxmox.url.wholeMatch(of: #/https:\/\/([A-Za-z0-9.-]+|\[[0-9A-Fa-f:]+\])(:[0-9]{1,5})?\/?/#) == nil {
            faults.append(
                SpecFault("machine.proxmox.url", "\(shown(proxmox.url)) is not the address of a server; write one such as https://pve1.example.org:8006"))
        }
        for (key, path) in [("tokenFile", proxmox.tokenFile), ("caFile", proxmox.caFile)] {
            if let path, !path.begins(with: "/") || path.unicodeScalars.contains(where: \.isControl) {
                faults.append(SpecFault("machine.proxmox.\(key)", "\(shown(path)) is not an absolute path"))
            }
        }
        if let fingerprint = proxmox.fingerprint, fingerprint.wholeMatch(of: #/[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){31}/#) == nil {
            faults.append(
                SpecFault("machine.proxmox.fingerprint", "\(shown(fingerprint)) is not a SHA-256 fingerprint: 32 pairs of hexadecimal digits between colons"))
        }
        if proxmox.fingerprint != nil, proxmox.caFile != nil {
            faults.append(SpecFault("machine.proxmox.fingerprint", "the server is known by its certificate or by its authority; leave out one of the two"))
        }
        faults += identifier(proxmox.node, "machine.proxmox.node", "a node")
        for (key, name) in [("storage", proxmox.storage), ("imageStorage", proxmox.imageStorage), ("isoStorage", proxmox.isoStorage)] {
            if let name { faults += identifier(name, "machine.proxmox.\(key)", "a storage") }
        }
        return faults + (proxmox.pool.map { identifier($0, "machine.proxmox.pool", "a pool") } ?? [])
    }

    /// Checks a name that is used in paths, arguments and comma-separated values of the platforms.
    private static func identifier(_ name: String, _ key: String, _ what: String) -> [SpecFault] {
        guard name.wholeMatch(of: #/[A-Za-z0-9][A-Za-z0-9._-]{0,79}/#) == nil else { return [] }
        return [SpecFault(key, "\(shown(name)) is not the name of \(what); allowed are 1 to 80 letters, digits, '.', '_', '-'")]
    }
}
