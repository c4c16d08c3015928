internal import ApplianceModel
package import Basics
package import HostSystem
package import MachineBackend
internal import SystemPackage
internal import Workflow

/// One sample of appliances: what each has used since it was started.
package struct UsageSample: Sendable {
    /// One appliance.
    package struct Machine: Sendable {
        package let name: String
        package let state: PowerState
        /// The number of processors that it was given.
        package let vcpus: Int
        package let memory: ByteSize
        /// The ports on which this host reaches it.
        package let ports: Set<UInt16>
        package let processID: Int32?
        /// Nil if the process has ended, or if /proc hides it.
        package let process: ProcessUsage?
        package let nice: Int?
        /// The pressure of its control group.
        package let pressure: Pressure?
        package let disks: [DiskUsage]
    }

    package let time: ContinuousClock.Instant
    package let machines: [Machine]
    /// Nil if the kernel cannot be asked.
    package let traffic: PortTraffic?
    package let host: Pressure
    package let hostMemory: HostMemory?
}

/// Takes samples of appliances, and reads what does not change only once.
package actor UsageSampler {
    /// What stays the same as long as the machine does.
    private struct Known {
        let machine: MachineReference?
        /// Nil if it is not known.
        let backend: (any MachineBackend)?
        let vcpus: Int
        let memory: ByteSize
        let ports: Set<UInt16>
    }

    private let environment: ApplianceEnvironment
    private let wanted: [ApplianceName]
    private var known: [ApplianceName: Known] = [:]
    /// How long a QEMU may take to answer: one that hangs must not delay the others.
    private static let patience = Duration.milliseconds(1500)

    /// - Parameter names: the appliances to sample; an empty list means all.
    /// - Throws: `appliance.not-found`.
    package init(_ names: [String], in environment: ApplianceEnvironment) throws {
        self.environment = environment
        wanted = try names.map { try Appliance.open($0, in: environment).name }
    }

    package func sample() async throws -> UsageSample {
        let names = try wanted.isEmpty ? environment.names() : wanted.filter { Files.exists(environment.state.appliance($0).spec) }
        var facts: [(name: ApplianceName, known: Known)] = []
        for name in names { facts.append((name, try await look(up: name))) }
        let ports = Set(facts.flatMap(\.known.ports))
        let time = ContinuousClock.now
        let machines = await withTaskGroup(of: UsageSample.Machine.self) { group in
            for (name, known) in facts { group.addTask { await Self.machine(name, known) } }
            return await group.reduce(into: []) { $0.append($1) }
        }
        let isAnyUp = machines.contains { $0.processID != nil }
        return UsageSample(
            time: time, machines: machines.sorted { $0.name < $1.name },
            traffic: isAnyUp && !ports.isEmpty ? try await PortTraffic.read(ports: ports.sorted()) : PortTraffic(connections: [:]), host: .ofHost(),
            hostMemory: try? HostMemory.current())
    }

    private func look(up name: ApplianceName) async throws -> Known {
        let card = try await ApplianceCard.load(name, in: environment)
        if let found = known[name], found.machine == card.machine, found.machine != nil { return found }
        let backend = try? card.machine.map { try environment.backend(of: $0, name) }
        var result = Known(machine: card.machine, backend: backend, vcpus: 0, memory: .mebibytes(0), ports: [])
        // An appliance that cannot be opened is shown with the state that its platform reports; `status` reports the reason.
        if let appliance = try? Appliance.open(name.rawValue, in: environment) {
            let network = try await appliance.context.journal.fact(NetworkFact.self)?.decision
            let recorded = try await appliance.machine()
            result = Known(
                machine: card.machine ?? recorded, backend: appliance.context.backend, vcpus: appliance.context.spec.machine.vcpus,
                memory: appliance.context.spec.machine.memory,
                ports: network?.hostPorts ?? [])
        }
        known[name] = result
        return result
    }

    /// If the platform cannot be queried, or its records are not trusted, the appliance is shown as unresponsive and the others are still shown.
    private static func machine(_ name: ApplianceName, _ known: Known) async -> UsageSample.Machine {
        var usage = MachineUsage(state: .absent)
        var processID: Int32?
        if let machine = known.machine, let backend = known.backend {
            do {
                processID = try await backend.capabilities.process?.processID(of: machine)
                if let provider = backend.capabilities.usage {
                    usage = try await provider.usage(of: machine, timeout: patience)
                } else {
                    usage = MachineUsage(state: try await backend.powerState(of: machine))
                }
            } catch {
                usage = MachineUsage(state: .unresponsive)
            }
        }
        let nice = processID.flatMap { try? Files.readText(FilePath("/proc/\($0)/stat")) }.flatMap(ProcessStatus.nice(inStat:))
        let group = processID.flatMap { try? Files.readText(FilePath("/proc/\($0)/cgroup")) }.flatMap(ProcessStatus.cgroup(in:))
        return UsageSample.Machine(
            name: name.rawValue, state: usage.state, vcpus: known.vcpus, memory: known.memory, ports: known.ports, processID: processID,
            process: processID.flatMap { try? ProcessUsage.read($0) }, nice: nice,
            pressure: group.flatMap { $0 == "/" ? nil : Pressure.of(group: ControlGroup(path: $0)) }, disks: usage.disks)
    }
}
