internal import HostSystem
internal import Reports

/// CPUID as each observer sees it; nil if an observer cannot report it.
struct ProcessorObservation: Sendable, Equatable {
    var host: CPUIDTable?
    /// What KVM reports that it supports.
    var kvm: CPUIDTable?
    /// What the micro-guest reads on this host's KVM.
    var microGuest: CPUIDTable?
    /// What the appliance's guest reads.
    var guest: CPUIDTable?

    /// Asks this host's three observers.
    static func ofThisHost() async -> ProcessorObservation {
        ProcessorObservation(host: HostCPU.leaves(), kvm: await KVMProbe.supportedLeaves(), microGuest: await KVMProbe.executedLeaves())
    }

    static let observers = ["host", "KVM", "micro-guest", "guest"]
    private var tables: [CPUIDTable?] { [host, kvm, microGuest, guest] }

    /// A comparison side by side, without leaves in which every observer has zeros and without features that no observer has.
    var comparison: ProcessorComparison {
        let leaves = CPUIDQuestion.all.compactMap { question -> ProcessorComparison.Leaf? in
            let rows = tables.map { $0?[question.leaf, question.subleaf].map { [$0.eax, $0.ebx, $0.ecx, $0.edx] } }
            guard rows.contains(where: { $0?.contains { $0 != 0 } == true }) else { return nil }
            return ProcessorComparison.Leaf(leaf: question.leaf, subleaf: question.subleaf, registers: rows)
        }
        let features = tables.map { $0.map(FeatureNames.set) }
        let flags = FeatureNames.all.compactMap { name -> ProcessorComparison.Flag? in
            let isSet = features.map { $0?.contains(name) }
            return isSet.contains(true) ? ProcessorComparison.Flag(name: name, isSet: isSet) : nil
        }
        return ProcessorComparison(observers: Self.observers, leaves: leaves, flags: flags)
    }
}
