internal import ApplianceModel
internal import Basics
internal import FoundationEssentials
internal import HostSystem
package import MachineBackend
internal import Quoting
package import SystemPackage

/// The process of a domain on this host. libvirt names it as QEMU names itself.
extension LibvirtBackend: ProcessProviding {
    package func processID(of machine: MachineReference) async throws -> Int32? { try process(of: machine)?.id }
    package func processName(of machine: MachineReference) -> String? { nil }

    /// The system's daemon writes it so that only root may read it.
    package func processLog(of machine: MachineReference) -> FilePath? {
        choice.isThisHost && !choice.isSession && HostEnvironment.isRoot ? FilePath("/var/log/libvirt/qemu/\(machine.identifier).log") : nil
    }

    func process(of machine: MachineReference) throws -> DomainProcess? {
        choice.isThisHost ? try DomainProcess.find(uuid: domain(of: machine)) : nil
    }
}

extension LibvirtBackend: DiskWatching {
    /// Read from QEMU's command line: querying its monitor would taint the domain, and libvirt would report that for as long as it runs. A disk
    /// that was changed since the start has nodes that are not in the command line.
    package func diskNodes(of machine: MachineReference) async throws -> [DiskNode]? {
        guard let process = try process(of: machine) else { return nil }
        let disks = DiskStatistics.read(try await virsh.run(["domstats", "--block", "--backing", domain(of: machine)]))
        return try process.diskNodes(inUse: Set(disks.compactMap(\.node)), cacheDirect: load(machine).spec.disk.cacheDirect)
    }

    package func diskCounters(of machine: MachineReference, serial: String) async throws -> DiskCounters {
        let target = Self.target(serial: serial, in: try await virsh.run(["dumpxml", domain(of: machine)]))
        let disks = DiskStatistics.read(try await virsh.run(["domstats", "--block", domain(of: machine)]))
        guard let target, let counters = disks.first(where: { $0.target == target })?.counters else {
            throw Failure(
                .machineFailed, "libvirt counts nothing of a disk with the serial '\(serial)' of '\(machine.identifier)'",
                remedy: virsh.lines("domstats --block \(machine.identifier)"))
        }
        return counters
    }

    /// libvirt's target name, such as `vdb`, for the disk with this serial.
    static func target(serial: String, in domain: String) -> String? {
        domain.split(separator: "<disk ").dropFirst().first { $0.contains("<serial>\(serial)</serial>") }?
            .firstMatch(of: #/<target dev='([^']+)'/#).map { String($0.1) }
    }
}

extension LibvirtBackend: DataDiskLocating {
    package func dataDiskLocation(of machine: MachineReference) async throws -> FilePath? {
        guard choice.isThisHost else { return nil }
        let text = try await virsh.run(["vol-path", "--pool", choice.pool, VolumeNames(machine).data])
        let path = FilePath(text.split(whereSeparator: \.isNewline).first.map(String.init) ?? "")
        return Files.status(path)?.isRegularFile == true ? path : nil
    }
}

extension LibvirtBackend: UsageProviding {
    package func usage(of machine: MachineReference, timeout: Duration) async throws -> MachineUsage {
        let state = try await powerState(of: machine)
        guard state == .running else { return MachineUsage(state: state) }
        let disks = DiskStatistics.read(try await virsh.run(["domstats", "--block", domain(of: machine)]))
        return MachineUsage(state: state, disks: disks.compactMap(\.usage))
    }
}

/// What `domstats --block` reports about a disk, or about a file behind one.
struct DiskStatistics: Equatable {
    /// Such as `vdb`.
    let target: String
    /// The number in its node names; nil for a domain that is off, and for a drive without a medium.
    let node: Int?
    /// Nil for a file behind a disk.
    let counters: DiskCounters?
    /// Nil for a file behind a disk, and for a disk that is not one of the machine's own two.
    let usage: DiskUsage?

    /// The target names in the template.
    private static let disks: [Substring: DiskUsage.Disk] = ["vda": .system, DomainText.dataTarget[...]: .data]

    /// Reads lines such as `  block.1.fl.reqs=17`.
    static func read(_ text: String) -> [DiskStatistics] {
        var rows: [Int: [Substring: Substring]] = [:]
        for line in text.split(at: "\n") {
            guard let match = line.wholeMatch(of: #/\s*block\.([0-9]+)\.([^=]+)=(.*)/#), let number = Int(match.1) else { continue }
            rows[number, default: [:]][match.2] = match.3
        }
        return rows.sorted { $0.key < $1.key }.compactMap { _, row in
            func count(_ key: Substring) -> Int? { row[key].flatMap { Int($0) } }
            guard let target = row["name"] else { return nil }
            var counters: DiskCounters?
            var usage: DiskUsage?
            if let reads = count("rd.reqs"), let writes = count("wr.reqs"), let flushes = count("fl.reqs") {
                counters = DiskCounters(reads: reads, writes: writes, flushes: flushes)
                if let disk = disks[target], let readBytes = count("rd.bytes"), let writtenBytes = count("wr.bytes") {
                    usage = DiskUsage(
                        disk: disk, readBytes: Int64(readBytes), writtenBytes: Int64(writtenBytes), reads: Int64(reads), writes: Int64(writes),
                        flushes: Int64(flushes))
                }
            }
            return DiskStatistics(target: String(target), node: count("backingIndex"), counters: counters, usage: usage)
        }
    }
}
