import ApplianceModel
import Basics
import Testing

/// Valid specs with odd contents, the same ones for the same seed.
struct SpecGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    /// SplitMix64.
    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var value = state
        value = (value ^ (value >> 30)) &* 0xbf58_476d_1ce4_e5b9
        value = (value ^ (value >> 27)) &* 0x94d0_49bb_1331_11eb
        return value ^ (value >> 31)
    }

    mutating func spec() throws -> ApplianceSpec {
        let word = pick(["a", "orders", "orders-2", "no", "null", "e1", "on"]) ?? "a"
        let name = try #require(ApplianceName(word))
        var spec = ApplianceSpec(name: name)
        spec.machine.accelerator = pick(AcceleratorChoice.allCases) ?? .auto
        spec.machine.vcpus = Int.random(in: 1...256, using: &self)
        spec.machine.memory = .mebibytes(Int64.random(in: 512...4_194_304, using: &self))
        spec.machine.image = ImageChoice(pick(["debian-12", "debian-13", "noble", "1e3", "0x10", "yes", "2026.01"]) ?? "noble")
        spec.machine.systemDisk.size = .mebibytes(Int64.random(in: 4096...1_000_000, using: &self))
        spec.machine.systemDisk.layout = pick(ApplianceSpec.SystemDisk.Layout.allCases) ?? .copy
        spec.network = network()
        spec.dataDisk.size = .gibibytes(Int64.random(in: 1...16384, using: &self))
        spec.dataDisk.adopt = Bool.random(using: &self) ? "/" + text() : nil
        platform(&spec)
        spec.postgresql.source = .pgdg
        spec.postgresql.version = pick([nil, 16, 17, 18]) ?? nil
        spec.postgresql.profile = pick(ApplianceSpec.PostgreSQL.Profile.allCases) ?? .mixed
        spec.postgresql.locale = pick(["C", "C.UTF-8", "no_NO.UTF-8", "sr_RS.UTF-8@latin"]) ?? "C"
        spec.postgresql.timeZone = pick(["UTC", "Europe/Zurich", "Etc/GMT+5", "NZ"]) ?? "UTC"
        spec.postgresql.allowFrom = [[], ["10.0.2.2/32"], ["127.0.0.0/8", "127.0.0.1/32"]].randomElement(using: &self)?.compactMap { IPv4Network($0) } ?? []
        for name in ["jit", "work_mem", "a.b", "null", "on", "y", "_"] where Bool.random(using: &self) { spec.postgresql.settings[name] = text() }
        for (name, limit) in [("disk.write-latency.p99", "5ms"), ("disk.write-latency.ratio", "2"), ("network.throughput.to-guest", "1.5 Gbit/s")]
        where Bool.random(using: &self) { spec.verification.limits[name] = limit }
        spec.postgresql.roles = []
        spec.postgresql.databases = []
        let roles = names()
        for (index, role) in roles.enumerated() {
            spec.postgresql.roles.append(
                .init(name: role, memberOf: roles[..<index].filter { _ in Bool.random(using: &self) }, replication: Bool.random(using: &self)))
        }
        if let owner = roles.randomElement(using: &self) {
            for name in names() {
                spec.postgresql.databases.append(.init(name: name, owner: owner, extensions: Bool.random(using: &self) ? ["pg_trgm", "uuid-ossp", "no"] : []))
            }
        }
        return spec
    }

    /// The platform that has the way to the network, and sections of the others, which may stay in a file.
    private mutating func platform(_ spec: inout ApplianceSpec) {
        let possible: [BackendKind] =
            switch spec.network.mode {
            case .user: spec.network.forwarder == .passt ? [.qemu] : [.qemu, .libvirt]
            case .tap: [.qemu]
            case .nat: [.libvirt]
            case .bridge: BackendKind.allCases
            }
        spec.machine.backend = pick(possible) ?? .qemu
        if Bool.random(using: &self) {
            var libvirt = ApplianceSpec.Libvirt()
            libvirt.uri =
                pick(["qemu:///system", "qemu:///session"] + (spec.network.mode == .user ? [] : ["qemu+ssh://root@kvm1.example.org:2222/system"])) ?? ""
            libvirt.pool = pick(["default", "yes", "1e3", "a.b-c_d"]) ?? ""
            spec.machine.libvirt = libvirt
        }
        if spec.machine.backend == .proxmox || Bool.random(using: &self) {
            var proxmox = ApplianceSpec.Proxmox(url: pick(["https://pve1", "https://[fd00::1]:8006/", "https://10.0.0.1:8006"]) ?? "", storage: "local-lvm")
            proxmox.tokenFile = pick([nil, "/etc/pgkvm/token", "/a b/'c'"]) ?? nil
            if Bool.random(using: &self) {
                proxmox.caFile = "/etc/ssl/pve.pem"
            } else {
                proxmox.fingerprint = Array(repeating: "0A", count: 32).joined(separator: ":")
            }
            proxmox.node = pick(["auto", "pve1", "no"]) ?? "auto"
            proxmox.imageStorage = pick([nil, "local"]) ?? nil
            proxmox.isoStorage = pick([nil, "local", "17"]) ?? nil
            proxmox.pool = pick([nil, "databases"]) ?? nil
            proxmox.ha = Bool.random(using: &self)
            spec.machine.proxmox = proxmox
        }
        guard spec.machine.backend != .qemu else { return }
        spec.machine.systemDisk.layout = .copy
        spec.dataDisk.adopt = nil
    }

    private mutating func network() -> ApplianceSpec.Network {
        var network = ApplianceSpec.Network()
        network.mode = pick(ApplianceSpec.Network.Mode.allCases) ?? .user
        guard network.mode != .user else {
            network.address = pick([.dhcp, .static]) ?? .dhcp
            network.sshPort = Bool.random(using: &self) ? UInt16.random(in: 1024...30000, using: &self) : nil
            network.postgresqlPort = Bool.random(using: &self) ? UInt16.random(in: 30001...65535, using: &self) : nil
            network.forwarder = pick(ApplianceSpec.Network.Forwarder.allCases) ?? .auto
            return network
        }
        network.device = pick(["br0", "1e3", "yes", "0x10", "null", "vmbr0.10", "_"])
        guard let own = pick([nil, "192.168.1.20/24", "10.0.0.1/8"])?.flatMap({ IPv4Interface($0) }) else { return network }
        network.address = .own(own)
        network.nameServers = pick([[], [IPv4Address(9, 9, 9, 9)], [IPv4Address(10, 0, 0, 2), IPv4Address(1, 1, 1, 1)]]) ?? []
        network.gateway = Bool.random(using: &self) ? IPv4Address(own.network.address.description.replacing(/0$/, with: "254")) : nil
        return network
    }

    private mutating func pick<Value>(_ values: [Value]) -> Value? { values.randomElement(using: &self) }

    private mutating func names() -> [String] {
        var result: [String] = []
        for _ in 0..<Int.random(in: 0...5, using: &self) {
            var name = text()
            while name.utf8.count > 63 { name.removeLast() }
            let isTaken = result.contains { $0.utf8.elementsEqual(name.utf8) }
            if PostgreSQLNames.isAllowed(name), !isTaken { result.append(name) }
        }
        return result
    }

    /// Words that YAML reads in its own way, and characters that it gives a meaning to.
    private mutating func text() -> String {
        let words = [
            "", "yes", "No", "null", "~", "17", "1.5", "0x1f", "1e3", "2026-01-01", "12:30:45", ".inf", "=", "<<", "---", "...", "- a", "? a", "a: b", "a #b",
            "#",
            "&a", "*a", "!a", "%a", "@a", "`a", "|", ">", "[a]", "{a}", "a,b", "'", "\"", "''", "\\", "\\n", "$HOME", "`id`", " a", "a ", "é", "e\u{301}",
            "größe", "🐘",
            "👩‍👩‍👧", "\u{2028}", "\u{a0}", "\u{200b}", "\u{fffe}", "\u{10ffff}", "\u{e000}", "تجربة", "a\u{202e}b", "true", ":", "a:", ",", "]", "}",
        ]
        return (0..<Int.random(in: 1...4, using: &self)).map { _ in words.randomElement(using: &self) ?? "" }.joined()
    }
}
