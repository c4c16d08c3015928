internal import ApplianceModel
internal import Basics
internal import FoundationEssentials
internal import HostSystem
internal import MachineBackend
internal import Quoting
internal import SystemPackage

/// What carries the guest's packets on the host.
enum NetworkPath: Sendable, Equatable {
    /// User networking inside QEMU.
    case slirp
    case passt
    case tap(vhost: Bool)
    /// Another type, by QEMU's own name.
    case other(String)

    var name: String {
        switch self {
        case .slirp: "slirp"
        case .passt: "passt"
        case .tap(let vhost): vhost ? "tap+vhost" : "tap"
        case .other(let name): name
        }
    }

    /// What the path means for a client.
    var consequence: String {
        switch self {
        case .slirp: "no vhost: each packet passes through QEMU's process, and connections from the host end in it"
        case .passt: "no vhost-net: each packet passes through the process passt"
        case .tap(let vhost): vhost ? "vhost: packets pass through the host's kernel only" : "no vhost: each packet passes through QEMU's process"
        case .other: "whether vhost is used is not known"
        }
    }

    /// - Parameters:
    ///   - arguments: QEMU's command line.
    ///   - descriptors: what its descriptors point to; nil if they cannot be read.
    /// - Returns: nil for a machine without a network.
    init?(arguments: [String], descriptors: [String]?) {
        guard let position = arguments.firstIndex(of: "-netdev"), position + 1 < arguments.count,
            let option = Self.option(arguments[position + 1])
        else { return nil }
        switch option.type {
        case "user": self = .slirp
        case "passt", "stream": self = .passt
        case "tap", "bridge":
            // An open descriptor shows the fact, the option only the intention.
            self = .tap(vhost: descriptors?.contains("/dev/vhost-net") ?? option.wantsVhost)
        case let name: self = .other(name)
        }
    }

    /// Reads both forms of the option: `tap,id=net0,vhost=on`, and JSON as libvirt writes it.
    private static func option(_ text: String) -> (type: String, wantsVhost: Bool)? {
        if let object = try? JSONDecoder().decode(JSONValue.self, from: Data(text.utf8)) {
            return object["type"]?.string.map { ($0, object["vhost"]?.bool == true) }
        }
        let words = text.split(at: ",").map(String.init)
        return words.first.map { ($0, words.contains { $0 == "vhost=on" || $0.begins(with: "vhostfd") }) }
    }

    /// Reads it from the machine's process; nil if the process is not on this host, or does not run.
    static func current(_ target: VerificationTarget) async throws -> NetworkPath? {
        guard let provider = target.backend.capabilities.process, let process = try await provider.processID(of: target.machine) else { return nil }
        let arguments = try Files.readText(FilePath("/proc/\(process)/cmdline")).split(at: "\0").map(String.init)
        let directory = FilePath("/proc/\(process)/fd")
        // This user cannot read another user's descriptors; a descriptor that was closed meanwhile no longer has a link.
        let descriptors = try? Files.list(directory).compactMap { try? Files.linkTarget(directory.appending($0)).string }
        return NetworkPath(arguments: arguments, descriptors: descriptors)
    }

    /// The path that names the figures. If it cannot be seen, it is the spec's path, without vhost.
    static func shown(_ target: VerificationTarget) async throws -> NetworkPath {
        try await current(target) ?? planned(target.spec, hasVhost: false)
    }

    /// Whether this host's kernel is expected to move the machine's packets. libvirt does not use vhost with emulation.
    static func expectsVhost(_ target: VerificationTarget) -> Bool {
        Files.exists("/dev/vhost-net") && !(target.spec.machine.backend == .libvirt && target.accelerator == .tcg)
    }

    /// The path that the spec means on a host with or without vhost.
    static func planned(_ spec: ApplianceSpec, hasVhost: Bool) -> NetworkPath {
        switch spec.network.mode {
        case .user: spec.takesPasst ? .passt : .slirp
        case .bridge, .tap, .nat: .tap(vhost: hasVhost)
        }
    }
}
