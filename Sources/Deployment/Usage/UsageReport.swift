internal import ApplianceModel
internal import Basics
package import HostSystem
internal import MachineBackend
internal import Quoting

/// What appliances used between two samples. Its JSON keys are API.
package struct UsageReport: Codable, Sendable, Equatable {
    package struct Host: Codable, Sendable, Equatable {
        package let processors: Int
        package let memoryBytes: Int64?
        package let availableMemoryBytes: Int64?
        package let pressure: Pressure
    }

    /// In per cent of one processor.
    package struct Thread: Codable, Sendable, Equatable {
        package let name: String
        package let busyPercent: Double
        package let waitingPercent: Double?
    }

    package struct Rates: Codable, Sendable, Equatable {
        /// In per cent of one processor: the guest's processors, the threads of disks, and the rest of QEMU.
        package let processorPercent: Double
        package let diskThreadPercent: Double
        package let otherPercent: Double
        /// The per cent of time in which one of the guest's processors was ready but had to wait for one of the host's; the sum over all of them.
        package let waitingPercent: Double?
        /// Both disks; nil if the monitor does not answer.
        package let readBytesPerSecond: Double?
        package let writtenBytesPerSecond: Double?
        package let readsPerSecond: Double?
        package let writesPerSecond: Double?
        package let flushesPerSecond: Double?
        /// TCP over the appliance's two ports.
        package let receivedBytesPerSecond: Double?
        package let sentBytesPerSecond: Double?
        package let threads: [Thread]
    }

    package struct Appliance: Codable, Sendable, Equatable {
        package let name: String
        package let state: String
        package let vcpus: Int
        package let memoryBytes: Int64
        package let processID: Int32?
        package let residentBytes: Int64?
        package let nice: Int?
        /// The pressure of its control group, if it has one.
        package let pressure: Pressure?
        /// Nil unless the same process was running at both samples.
        package let rates: Rates?

        /// The use of the whole process, in per cent of one processor.
        package var totalPercent: Double { (rates?.processorPercent ?? 0) + (rates?.diskThreadPercent ?? 0) + (rates?.otherPercent ?? 0) }
    }

    /// The time between the two samples.
    package let seconds: Double
    package let host: Host
    /// The busiest first; those that do not run come last.
    package let appliances: [Appliance]

    package init(seconds: Double, host: Host, appliances: [Appliance]) {
        self.seconds = seconds
        self.host = host
        self.appliances = appliances
    }

    /// Pure.
    package init(from earlier: UsageSample, to later: UsageSample, processors: Int) {
        let span = Double((later.time - earlier.time) / .nanoseconds(1)) / 1e9
        seconds = (span * 1000).rounded() / 1000
        host = Host(
            processors: processors, memoryBytes: later.hostMemory?.total.bytes, availableMemoryBytes: later.hostMemory?.available.bytes,
            pressure: later.host)
        let before = Dictionary(earlier.machines.map { ($0.name, $0) }) { first, _ in first }
        appliances = later.machines.map { machine in
            // An appliance without ports of this host is reached at its own address, and its traffic is not counted.
            let traffic = machine.ports.isEmpty ? nil : earlier.traffic.flatMap { start in later.traffic.map { $0.since(start, ports: machine.ports) } }
            return Appliance(
                name: machine.name, state: machine.state.word, vcpus: machine.vcpus, memoryBytes: machine.memory.bytes, processID: machine.processID,
                residentBytes: machine.process?.resident.bytes, nice: machine.nice, pressure: machine.pressure,
                rates: before[machine.name].flatMap { Rates(from: $0, to: machine, traffic: traffic, seconds: span) })
        }.sorted { left, right in
            let isUp = (left.processID != nil, right.processID != nil)
            if isUp.0 != isUp.1 { return isUp.0 }
            if left.totalPercent != right.totalPercent { return left.totalPercent > right.totalPercent }
            return left.name < right.name
        }
    }
}

extension UsageReport.Rates {
    /// Nil if the process has ended, or if another one has its number.
    init?(from earlier: UsageSample.Machine, to later: UsageSample.Machine, traffic: PortTraffic.Bytes?, seconds: Double) {
        guard seconds > 0, let id = later.processID, id == earlier.processID, let now = later.process, let before = earlier.process else { return nil }
        func percent(_ nanoseconds: Double) -> Double { (nanoseconds / seconds / 1e7 * 10).rounded() / 10 }
        func rate(_ count: Double) -> Double { (max(0, count) / seconds * 10).rounded() / 10 }
        let known = Dictionary(before.threads.map { ($0.id, $0) }) { first, _ in first }
        /// What a thread used since then; for a new thread, everything it used.
        func used(_ thread: ThreadUsage, _ count: (ThreadUsage) -> UInt64?) -> Double? {
            guard let end = count(thread) else { return nil }
            let start = known[thread.id].flatMap { $0.name == thread.name ? count($0) : nil } ?? 0
            return end >= start ? Double(end - start) : 0
        }
        func busy(_ role: QEMUThreadRole) -> Double {
            percent(now.threads.filter { QEMUThreadRole(name: $0.name) == role }.compactMap { used($0, \.busy) }.reduce(0, +))
        }
        processorPercent = busy(.processor)
        diskThreadPercent = busy(.disk)
        otherPercent = busy(.other)
        let waits = now.threads.filter { QEMUThreadRole(name: $0.name) == .processor }.compactMap { used($0, \.waiting) }
        waitingPercent = waits.isEmpty ? nil : percent(waits.reduce(0, +))
        threads = now.threads.map {
            UsageReport.Thread(name: $0.name, busyPercent: percent(used($0, \.busy) ?? 0), waitingPercent: used($0, \.waiting).map(percent))
        }
        func disks(_ count: KeyPath<DiskUsage, Int64>) -> Double? {
            guard !later.disks.isEmpty, later.disks.count == earlier.disks.count else { return nil }
            return rate(zip(earlier.disks, later.disks).map { Double($1[keyPath: count].subtractingSaturated($0[keyPath: count])) }.reduce(0, +))
        }
        readBytesPerSecond = disks(\.readBytes)
        writtenBytesPerSecond = disks(\.writtenBytes)
        readsPerSecond = disks(\.reads)
        writesPerSecond = disks(\.writes)
        flushesPerSecond = disks(\.flushes)
        receivedBytesPerSecond = traffic.map { rate(Double($0.received)) }
        sentBytesPerSecond = traffic.map { rate(Double($0.sent)) }
    }
}

/// The purpose of a QEMU thread, by the name that QEMU gives it (`debug-threads=on`).
enum QEMUThreadRole {
    /// `CPU n/KVM` or `CPU n/TCG`.
    case processor
    /// `IO ID`, except the monitor's.
    case disk
    case other

    init(name: String) {
        if name.begins(with: "CPU ") {
            self = .processor
        } else if name.begins(with: "IO "), name != "IO mon_iothread" {
            self = .disk
        } else {
            self = .other
        }
    }
}
