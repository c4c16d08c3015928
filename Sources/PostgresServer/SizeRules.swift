package import ApplianceModel
internal import Basics

/// A value of a spec that is too large for the machine of the spec.
package struct SizeConcern: Sendable, Equatable {
    package enum Level: Sendable, Equatable {
        /// It is impossible: the server would not start, or the kernel would kill it.
        case refuse
        /// It may work for a long time, and then fail.
        case warn
    }

    package let level: Level
    /// The key of the spec: `postgresql.settings.shared_buffers`.
    package let path: String
    /// Which value, how much it uses, and what the machine has.
    package let message: String
}

/// Checks the settings of a spec against the memory and the data disk of its machine.
///
/// The settings that pgkvm computes fit every machine, so each concern names one of the spec's own settings. The thresholds, with their reasons, are
/// in docs/spec.md.
package enum SizeRules {
    /// The least memory that the guest's kernel and system need besides the server.
    static let system = 128 * 0x1p20
    /// The memory that a busy backend needs for itself, besides sorts and hashes.
    static let backend = 8 * 0x1p20
    /// The fraction of the connections that may sort or fill temporary tables at once: the others wait for their clients.
    static let busy = 0.2

    /// - Parameter version: the major version of PostgreSQL.
    /// - Returns: empty if everything fits; refusals come first.
    package static func concerns(_ spec: ApplianceSpec, version: Int) -> [SizeConcern] {
        let configuration = ServerConfiguration(spec: spec, layout: .debian(version: version))
        let machine = Machine(spec, configuration.settings.effective, version)
        guard !machine.own.isEmpty else { return [] }
        let found = [
            shared(machine), work(machine), temporary(machine), backends(machine), maintenance(machine), decoding(machine), cache(machine),
            log(machine), slots(machine), temporaryFiles(machine),
        ].compactMap(\.self)
        return found.filter { $0.level == .refuse } + found.filter { $0.level == .warn }
    }

    /// The concerns as one finding, for plan, deploy and verify.
    package static func finding(_ spec: ApplianceSpec, version: Int) -> Finding {
        let concerns = concerns(spec, version: version)
        let sizes = "\(spec.machine.memory) of memory and a data disk of \(spec.dataDisk.size)"
        return Finding(
            check: "postgresql.sizes", level: concerns.isEmpty ? .pass : concerns.contains { $0.level == .refuse } ? .fail : .warn,
            measured: concerns.isEmpty ? "the settings fit \(sizes)" : concerns.map(\.message).joined(separator: "; "),
            expected: "settings that \(sizes) carry",
            remedy: concerns.isEmpty ? nil : "lower \(SpecRules.listed(unique(concerns.map(\.path)))), or ask for a larger machine")
    }

    /// Throws one failure that lists what is impossible.
    /// - Parameter source: where the faults are, for the message.
    /// - Throws: `spec.invalid`.
    package static func check(_ spec: ApplianceSpec, version: Int, source: String) throws {
        let faults = concerns(spec, version: version).filter { $0.level == .refuse }.map { SpecFault($0.path, $0.message).description }
        guard faults.isEmpty else { throw Failure.invalidSpec(source, faults: faults) }
    }

    private static func unique(_ paths: [String]) -> [String] {
        var seen: Set<String> = []
        return paths.filter { seen.insert($0).inserted }
    }
}

extension SizeRules {
    /// The input of the rules.
    private struct Machine {
        let spec: ApplianceSpec
        let amounts: ServerAmounts
        /// The names of the settings that the spec itself contains.
        let own: Set<String>
        let version: Int
        let shared: Double

        init(_ spec: ApplianceSpec, _ settings: [String: String], _ version: Int) {
            self.spec = spec
            self.version = version
            amounts = ServerAmounts(settings, version: version)
            own = Set(spec.postgresql.settings.keys.compactMap { SettingRules.canonicalName($0) })
            shared = SharedMemory.bytes(amounts)
        }

        var memory: Double { Double(spec.machine.memory.bytes) }
        var disk: Double { Double(spec.dataDisk.size.bytes) }

        func named(_ name: String) -> String { "\(name) \(SpecRules.escaped(amounts.text(name)))" }

        /// A concern about the first of these settings that the spec itself contains; nil if it contains none of them.
        func concern(_ level: SizeConcern.Level, of names: [String], _ message: String) -> SizeConcern? {
            names.first { own.contains($0) }.map { SizeConcern(level: level, path: "postgresql.settings.\($0)", message: message) }
        }
    }

    /// 1.5GiB: rounded, and without a trap for sizes that no machine has.
    static func text(_ bytes: Double) -> String {
        let units = ["KiB", "MiB", "GiB", "TiB"]
        var value = max(bytes, 0) / 0x1p10
        var unit = 0
        while value >= 1024, unit + 1 < units.count {
            value /= 1024
            unit += 1
        }
        guard value < 1e6 else { return "more than a million TiB" }
        let tenths = Int(saturating: (value * 10).rounded())
        return tenths % 10 == 0 || tenths >= 1000 ? "\(tenths / 10)\(units[unit])" : "\(tenths / 10).\(tenths % 10)\(units[unit])"
    }

    // MARK: Memory

    private static func shared(_ machine: Machine) -> SizeConcern? {
        let (shared, memory) = (machine.shared, machine.memory)
        // The setting is to blame whose removal would reduce the reserved memory most.
        let saved = machine.own.intersection(SharedMemory.settings).sorted().map { ($0, SharedMemory.bytes(machine.amounts.without($0))) }
        guard let name = saved.min(by: { $0.1 < $1.1 })?.0 else { return nil }
        let reserved = "with \(machine.named(name)) the server reserves \(text(shared)) of memory when it starts"
        if shared + system > memory {
            return machine.concern(
                .refuse, of: [name], "\(reserved), and the machine has \(machine.spec.machine.memory), of which its system needs \(text(system))")
        }
        guard shared > memory / 2 else { return nil }
        return machine.concern(
            .warn, of: [name],
            "\(reserved), more than half of the machine's \(machine.spec.machine.memory): little is left for connections and the kernel's cache")
    }

    private static func work(_ machine: Machine) -> SizeConcern? {
        let bytes = busy * machine.amounts["max_connections"] * machine.amounts["work_mem"] * max(machine.amounts["hash_mem_multiplier"], 1)
        let product = product(machine, ["max_connections", "work_mem", "hash_mem_multiplier"])
        return beyondMemory(
            machine, bytes, of: ["work_mem", "max_connections", "hash_mem_multiplier"], "a fifth of \(product) is", "when so many connections sort or hash")
    }

    private static func temporary(_ machine: Machine) -> SizeConcern? {
        let bytes = busy * machine.amounts["max_connections"] * machine.amounts["temp_buffers"]
        let product = product(machine, ["max_connections", "temp_buffers"])
        return beyondMemory(
            machine, bytes, of: ["temp_buffers", "max_connections"], "a fifth of \(product) is", "when so many connections fill temporary tables")
    }

    private static func backends(_ machine: Machine) -> SizeConcern? {
        let bytes = machine.amounts["max_connections"] * backend
        return beyondMemory(
            machine, bytes, of: ["max_connections"], "\(machine.named("max_connections")), each with \(text(backend)) at work, are",
            "when all are at work; a pooler in front needs fewer")
    }

    private static func maintenance(_ machine: Machine) -> SizeConcern? {
        let amounts = machine.amounts
        let isOwn = amounts["autovacuum_work_mem"] >= 0
        let name = isOwn ? "autovacuum_work_mem" : "maintenance_work_mem"
        // Before 17, a vacuum cannot use more than 1 GB.
        let each = machine.version < 17 ? min(amounts[name], 0x1p30) : amounts[name]
        let bytes = amounts["maintenance_work_mem"] + amounts["autovacuum_max_workers"] * each
        return beyondMemory(
            machine, bytes, of: ["maintenance_work_mem", "autovacuum_work_mem", "autovacuum_max_workers"],
            "\(machine.named("maintenance_work_mem")) and \(product(machine, ["autovacuum_max_workers", name])) are",
            "while indexes are built and tables vacuumed")
    }

    private static func decoding(_ machine: Machine) -> SizeConcern? {
        let names = ["logical_decoding_work_mem", "max_wal_senders"]
        let bytes = machine.amounts["max_wal_senders"] * machine.amounts["logical_decoding_work_mem"]
        return beyondMemory(
            machine, bytes, of: names, "\(product(machine, ["max_wal_senders", "logical_decoding_work_mem"])) is",
            "when every sender decodes a large transaction")
    }

    private static func product(_ machine: Machine, _ names: [String]) -> String { names.map(machine.named).joined(separator: " × ") }

    private static func beyondMemory(_ machine: Machine, _ bytes: Double, of names: [String], _ what: String, _ when: String) -> SizeConcern? {
        guard machine.shared + bytes > machine.memory else { return nil }
        return machine.concern(
            .warn, of: names,
            "\(what) \(text(bytes)), with \(text(machine.shared)) of shared memory more than the machine's \(machine.spec.machine.memory), \(when)")
    }

    private static func cache(_ machine: Machine) -> SizeConcern? {
        guard machine.amounts["effective_cache_size"] > machine.memory else { return nil }
        return machine.concern(
            .warn, of: ["effective_cache_size"],
            "\(machine.named("effective_cache_size")) is more than the machine's \(machine.spec.machine.memory): plans count on a cache that is not there")
    }

    // MARK: The data disk

    private static func log(_ machine: Machine) -> SizeConcern? {
        let amounts = machine.amounts
        let largest = amounts["max_wal_size"] >= amounts["min_wal_size"] ? "max_wal_size" : "min_wal_size"
        let bytes = max(amounts["wal_keep_size"], 0) + amounts[largest]
        guard bytes > machine.disk / 2 else { return nil }
        let isKept = amounts["wal_keep_size"] > 0
        let names = ["wal_keep_size", "max_wal_size", "min_wal_size"].sorted { amounts[$0] > amounts[$1] }
        return machine.concern(
            .warn, of: names,
            "\(isKept ? "\(machine.named("wal_keep_size")) and " : "")\(machine.named(largest)) let the WAL grow to \(text(bytes)), "
                + "more than half of the data disk of \(machine.spec.dataDisk.size): a full disk stops the server")
    }

    private static func slots(_ machine: Machine) -> SizeConcern? {
        let bytes = machine.amounts["max_slot_wal_keep_size"]
        guard bytes < 0 || bytes > machine.disk / 2 else { return nil }
        let disk = "the data disk of \(machine.spec.dataDisk.size): a full disk stops the server"
        return machine.concern(
            .warn, of: ["max_slot_wal_keep_size"],
            "with \(machine.named("max_slot_wal_keep_size")) a replication slot whose reader is gone fills \(bytes < 0 ? "" : "more than half of ")\(disk)")
    }

    private static func temporaryFiles(_ machine: Machine) -> SizeConcern? {
        guard machine.amounts["temp_file_limit"] > machine.disk else { return nil }
        return machine.concern(
            .warn, of: ["temp_file_limit"],
            "\(machine.named("temp_file_limit")) is more than the data disk of \(machine.spec.dataDisk.size): it limits nothing")
    }
}
