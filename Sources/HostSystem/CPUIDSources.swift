internal import CKVM
internal import Dispatch
package import SystemPackage

extension HostCPU {
    /// What CPUID returns to this process, on whichever processor it runs: the leaves that distinguish processors (APIC ids) may
    /// differ from call to call.
    package static func leaves(_ questions: [CPUIDQuestion] = CPUIDQuestion.all) -> CPUIDTable {
        let answers = questions.map { ($0, CPUIDRegisters(ckvm_cpuid($0.leaf, $0.subleaf))) }
        return CPUIDTable(executed: Dictionary(answers) { first, _ in first })
    }
}

extension KVMProbe {
    /// The leaves that KVM can offer to a guest according to KVM_GET_SUPPORTED_CPUID. Nil when the device cannot be queried.
    package static func supportedLeaves(device: FilePath = "/dev/kvm") async -> CPUIDTable? {
        await onOwnThread {
            var entries = [ckvm_cpuid_entry](repeating: ckvm_cpuid_entry(), count: 256)
            let count = unsafe entries.withUnsafeMutableBufferPointer {
                unsafe ckvm_supported_cpuid(device.string, $0.baseAddress, UInt32($0.count))
            }
            guard count >= 0 else { return nil }
            return CPUIDTable(answers(entries.prefix(Int(count))))
        }
    }

    /// The leaves that the micro-guest gets when it executes CPUID. Nil when it cannot run.
    /// - Parameter timeLimit: time after which it is stopped, at least 1 ms.
    package static func executedLeaves(
        _ questions: [CPUIDQuestion] = CPUIDQuestion.all, device: FilePath = "/dev/kvm", timeLimit: Duration = timeLimit
    ) async -> CPUIDTable? {
        await onOwnThread {
            var entries = questions.map { ckvm_cpuid_entry(leaf: $0.leaf, subleaf: $0.subleaf, registers: ckvm_cpuid()) }
            let hasHalted = unsafe entries.withUnsafeMutableBufferPointer {
                unsafe ckvm_execute_cpuid(device.string, $0.baseAddress, UInt32($0.count), timeLimit.clampedMilliseconds)
            }
            return hasHalted ? CPUIDTable(executed: answers(entries[...])) : nil
        }
    }

    private static func answers(_ entries: ArraySlice<ckvm_cpuid_entry>) -> [CPUIDQuestion: CPUIDRegisters] {
        Dictionary(entries.map { (CPUIDQuestion($0.leaf, $0.subleaf), CPUIDRegisters($0.registers)) }) { first, _ in first }
    }

    private static func onOwnThread<Value: Sendable>(_ body: @escaping @Sendable () -> Value) async -> Value {
        await withCheckedContinuation { continuation in
            DispatchQueue(label: "kvm-probe").async { continuation.resume(returning: body()) }
        }
    }
}
