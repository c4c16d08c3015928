package import ApplianceModel
internal import Basics
internal import HostSystem
package import MachineBackend

/// Examining the server before anything is created.
extension ProxmoxBackend {
    package func checkHost(_ spec: ApplianceSpec, at place: MachinePlace?) async throws -> HostReport {
        try Self.refuseUnsupported(spec)
        let client = try client()
        let release = try await release(client)
        let cluster = try await ClusterView.read(client)
        let choice = try await choose(spec, cluster, at: place, client)
        try await RightsExamination(client: client).demand(
            ProxmoxCheck.needs(
                release, pool: connection.pool, bridge: spec.network.device, nodes: [], stores: StoreUse.all(of: choice.site), ha: connection.ha))
        let accelerator: Accelerator = spec.machine.accelerator == .tcg ? .tcg : .kvm
        return HostReport(
            accelerator: accelerator,
            findings: [
                Finding(check: "proxmox.version", level: .pass, measured: "Proxmox VE \(release)", expected: "\(PVERelease.oldest) or later"),
                Finding(check: "proxmox.node", level: .pass, measured: "\(choice.site.node): \(choice.reason)", expected: "a node that can take the machine"),
                Self.finding(processorsOf: choice.node, spec.machine.vcpus), Self.finding(memoryOf: choice.node, spec.machine.memory),
                Self.finding(choice.site, wanted(spec, isThere: false).space), Self.finding(accelerator),
            ] + (try await Self.pool(connection.pool, client)), place: MachinePlace(choice.site))
    }

    /// - Throws: `proxmox.too-old`, `proxmox.not-proxmox`.
    func release(_ client: PVEClient) async throws -> PVERelease {
        let data = try await client.data(.version)
        guard let text = data["release"]?.text ?? data["version"]?.text, let release = PVERelease(text) else {
            throw Failure(.proxmoxNotProxmox, "the server does not tell its version", remedy: "'machine.proxmox.url' has to be that of a Proxmox VE server")
        }
        guard release >= .oldest else {
            throw Failure(
                .proxmoxTooOld, "the server is Proxmox VE \(release); images can be uploaded and imported from \(PVERelease.oldest) on",
                remedy: "upgrade the node: apt-get update && apt-get dist-upgrade")
        }
        return release
    }

    /// Refuses what no server could do.
    /// - Throws: `unsupported`.
    static func refuseUnsupported(_ spec: ApplianceSpec) throws {
        guard spec.network.mode == .bridge, spec.network.device != nil else {
            throw Failure(
                .unsupported, "'network.mode: \(spec.network.mode.rawValue)' is not possible on Proxmox: a machine there is on a bridge of its node",
                remedy: "set 'network.mode: bridge' and 'network.device: vmbr0'")
        }
        guard spec.dataDisk.adopt == nil else {
            throw Failure(
                .unsupported, "a data disk of this host cannot be adopted on Proxmox",
                remedy: "deploy with a new disk and restore the data, or attach the disk by hand: qm disk import")
        }
        guard spec.machine.systemDisk.layout == .copy else {
            throw Failure(.unsupported, "'machine.systemDisk.layout: overlay' is not possible on Proxmox", remedy: "leave it out: the image is copied")
        }
    }

    func wanted(_ spec: ApplianceSpec, isThere: Bool) -> Wanted {
        let space = isThere ? 0 : spec.machine.systemDisk.size.bytes + spec.dataDisk.size.bytes
        return Wanted(
            vcpus: spec.machine.vcpus, memory: spec.machine.memory, space: ByteSize(bytes: space), bridge: spec.network.device ?? "",
            storage: connection.storage, imageStorage: connection.imageStorage, isoStorage: connection.isoStorage,
            // The disks of an existing machine are examined themselves: they may be replicated.
            needsSharedStorage: connection.ha && !isThere)
    }

    /// The node of an existing machine of ours with this name, otherwise the node for a new machine.
    private func choose(_ spec: ApplianceSpec, _ cluster: ClusterView, at place: MachinePlace?, _ client: PVEClient) async throws -> DecidedSite {
        let own = try await Self.namesake(spec.name, cluster, client)
        let wanted = wanted(spec, isThere: own != nil)
        guard let own else { return try await site(wanted, cluster, at: place, client) }
        let decided = try await NodeChoice(client: client, wanted: wanted).decide(cluster, named: own.place.node)
        return (decided.site, decided.node, "VM \(own.place.vmid) of that name is there")
    }

    /// The machine with that name. At this point it is only known that pgkvm made it, not for which deployment.
    /// - Throws: `machine.stranger`.
    static func namesake(_ name: ApplianceName, _ cluster: ClusterView, _ client: PVEClient) async throws -> MachineView? {
        guard let machine = cluster.machines.first(where: { $0.name == name.rawValue }) else { return nil }
        guard MachineConfig(data: try await client.data(.config(machine.place))).deployment == nil else { return machine }
        throw isStrangers(name, machine)
    }

    /// A pool may exist although the token does not see it.
    static func pool(_ name: String?, _ client: PVEClient) async throws -> [Finding] {
        guard let name else { return [] }
        let names = try await client.data(.pools).elements.compactMap { $0["poolid"]?.text }
        let isSeen = names.contains(name)
        return [
            Finding(
                check: "proxmox.pool", level: isSeen ? .pass : .warn, measured: isSeen ? "'\(name)' is there" : "the token sees no pool '\(name)'",
                expected: "the pool of 'machine.proxmox.pool'",
                remedy: isSeen ? nil : "when there is none: pvesh create /pools --poolid \(name); a token without Pool.Audit on /pool/\(name) does not see it")
        ]
    }

    private static func finding(processorsOf node: NodeView, _ wanted: Int) -> Finding {
        guard let processors = node.processors else {
            return Finding(
                check: "proxmox.processors", level: .skip, measured: "not told", expected: "\(wanted) or more; with fewer the start is refused",
                remedy: "the token has no Sys.Audit on /nodes/\(node.name), by which the server tells it")
        }
        return Finding(check: "proxmox.processors", level: .pass, measured: "\(processors) on '\(node.name)'", expected: "\(wanted) or more")
    }

    private static func finding(memoryOf node: NodeView, _ wanted: ByteSize) -> Finding {
        guard let free = node.freeMemory else {
            return Finding(
                check: "proxmox.memory", level: .skip, measured: "not told", expected: "more than the guest's \(wanted)",
                remedy: "the token has no Sys.Audit on /nodes/\(node.name), by which the server tells it")
        }
        let fits = free > wanted
        return Finding(
            check: "proxmox.memory", level: fits ? .pass : .warn, measured: "\(free.mebibytes) MiB free on '\(node.name)'",
            expected: "more than the guest's \(wanted)",
            remedy: fits ? nil : "the node is overcommitted: it may swap or kill the guest; give the guest less memory, or name another node")
    }

    /// The size of an image is known only when the image exists; no image that pgkvm builds needs more.
    private static let imageSpace = ByteSize.gibibytes(2)

    private static func finding(_ site: Site, _ disks: ByteSize) -> Finding {
        let measured = "disks on '\(site.store.name)' (\(site.store.kind)), image on '\(site.imageStore.name)', seed on '\(site.isoStore.name)'"
        let left = site.imageStore.available - (site.imageStore.name == site.store.name ? disks : ByteSize(bytes: 0))
        let isRoom = left >= imageSpace
        return Finding(
            check: "proxmox.storage", level: isRoom ? .pass : .warn,
            measured: measured + (isRoom ? "" : "; \(max(0, left.mebibytes)) MiB are left on '\(site.imageStore.name)' for the image"),
            expected: "active stores for images, import and iso, with room",
            remedy: isRoom ? nil : "an image that is not there yet may not fit: free space, or name another store in 'machine.proxmox.imageStorage'")
    }

    private static func finding(_ accelerator: Accelerator) -> Finding {
        guard accelerator == .kvm else {
            return Finding(
                check: "proxmox.accelerator", level: .warn, measured: "emulation, as asked for", expected: "KVM",
                remedy: "leave out 'machine.accelerator: tcg': emulation is many times slower, and no isolation")
        }
        return Finding(
            check: "proxmox.accelerator", level: .skip, measured: "KVM is taken for granted", expected: "KVM",
            remedy: "the API does not tell whether a node has it; without it the start fails and says so")
    }

    package func decideDisks(_ spec: ApplianceSpec, at place: MachinePlace?) async throws -> (DiskDecision, [Finding]) {
        let client = try client()
        let site = try await choose(spec, try await ClusterView.read(client), at: place, client).site
        // Native needs a disk without the page cache, which `cache=none` provides; it works on whatever store the machine moves to.
        let decision = DiskDecision(
            cacheDirect: true, aio: .native, ioThread: true, fileSystem: "\(site.store.kind) '\(site.store.name)'", place: MachinePlace(site))
        var findings = [
            Finding(
                check: "disk.proxmox", level: .pass, measured: "cache=none, aio=native, one I/O thread a disk, on '\(site.store.name)' (\(site.store.kind))",
                expected: "requests past the node's page cache")
        ]
        findings.append(Self.reservation(of: site.store))
        let whole = MachineParameters.wholeGibibytes(spec.dataDisk.size)
        if ByteSize.gibibytes(whole) != spec.dataDisk.size {
            findings.append(
                Finding(
                    check: "disk.size", level: .warn, measured: "\(whole) GiB", expected: "\(spec.dataDisk.size)",
                    remedy: "a new volume on Proxmox has whole gibibytes: the data disk is rounded up"))
        }
        return (decision, findings)
    }

    /// How the space that is promised to the data disk is reserved.
    private static func reservation(of store: StoreView) -> Finding {
        let expected = "space that is the database's from the first day on"
        switch store.provisioning {
        case .whole:
            let unless = store.kind.hasPrefix("zfs") ? ", unless its pool is 'sparse'" : ""
            return Finding(
                check: "disk.reservation", level: .pass, measured: "'\(store.name)' (\(store.kind)) reserves the data disk when it makes it\(unless)",
                expected: expected)
        case .file:
            return Finding(
                check: "disk.reservation", level: .pass,
                measured: "'\(store.name)' (\(store.kind)) reserves nothing by itself: the guest writes the whole data disk once", expected: expected)
        case .thin:
            return Finding(
                check: "disk.reservation", level: .warn,
                measured: "'\(store.name)' (\(store.kind)) promises the space of the data disk and reserves none of it",
                expected: expected,
                remedy:
                    "watch how full the store is, which 'pgkvm verify' does too; or name a store that reserves (lvm, a directory) in 'machine.proxmox.storage'")
        }
    }

    package func decideNetwork(_ spec: ApplianceSpec, deployment: DeploymentID, at place: MachinePlace?) async throws -> NetworkDecision {
        try Self.refuseUnsupported(spec)
        let client = try client()
        if let own = try await find(deployment, name: spec.name, client), let macAddress = own.config.macAddress, let bridge = own.config.bridge {
            return network(
                macAddress: macAddress.lowercased(), bridge: bridge, address: MachineNote.address(in: own.config.description), queues: own.config.queues)
        }
        // The bridge is checked on the node that the machine would get.
        _ = try await choose(spec, try await ClusterView.read(client), at: place, client)
        var address: IPv4Address?
        if case .own(let own) = spec.network.address { address = own.address }
        return network(
            macAddress: deployment.macAddress, bridge: spec.network.device ?? "", address: address, queues: min(spec.machine.vcpus, PVECard.mostQueues))
    }

    func network(macAddress: String, bridge: String, address: IPv4Address?, queues: Int) -> NetworkDecision {
        NetworkDecision(
            mode: .bridge, macAddress: macAddress, sshPort: GuestService.ssh.port, postgresqlPort: GuestService.postgresql.port, device: bridge,
            address: address, queues: queues, usesVhost: true)
    }
}
