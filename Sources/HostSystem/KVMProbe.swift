internal import ApplianceModel
internal import Basics
internal import CKVM
internal import Dispatch
package import SystemPackage

/// Tests whether KVM can run Linux by running a guest: the micro-guest of `CKVM`.
package enum KVMProbe {
    /// The code that the guest executes; all but `linux` are controls for the probe itself.
    package enum Program: Sendable, CaseIterable {
        /// What a Linux kernel and its programs do first.
        case linux
        /// Never ends.
        case spin
        /// Ends with a fault that it does not handle.
        case fault
    }

    /// Enough time for a guest that ends by itself within a millisecond, even on a busy host.
    package static let timeLimit = Duration.seconds(5)

    /// Opens the device, as QEMU will, and closes it again.
    /// - Returns: what prevents this process from opening it; nil for nothing.
    package static func obstacle(device: FilePath = "/dev/kvm") -> KVMVerdict? {
        do {
            try FileDescriptor.open(device, .readWrite, options: [.closeOnExec]).close()
            return nil
        } catch {
            return KVMVerdict(opening: (error as? Errno) ?? .ioError)
        }
    }

    /// Runs the micro-guest and evaluates what it did.
    /// - Parameter timeLimit: time after which it is stopped, at least 1 ms.
    package static func run(device: FilePath = "/dev/kvm", timeLimit: Duration = timeLimit) async -> KVMVerdict {
        await report(device: device, timeLimit: timeLimit).verdict
    }

    /// Runs the micro-guest on a separate thread and reports everything that it did.
    package static func report(
        device: FilePath = "/dev/kvm", timeLimit: Duration = timeLimit, program: Program = .linux
    ) async -> KVMProbeReport {
        await withCheckedContinuation { continuation in
            DispatchQueue(label: "kvm-probe").async {
                continuation.resume(returning: reportBlocking(device: device, timeLimit: timeLimit, program: program))
            }
        }
    }

    /// The same on the calling thread, which is blocked for as long as the guest runs.
    package static func reportBlocking(device: FilePath, timeLimit: Duration, program: Program) -> KVMProbeReport {
        var result = ckvm_result()
        unsafe ckvm_probe(device.string, ckvm_program(program), timeLimit.clampedMilliseconds, &result)
        return KVMProbeReport(result)
    }
}

extension ckvm_program {
    fileprivate init(_ program: KVMProbe.Program) {
        switch program {
        case .linux: self = ckvm_program_probe
        case .spin: self = ckvm_program_spin
        case .fault: self = ckvm_program_fault
        }
    }
}

extension Duration {
    var clampedMilliseconds: UInt32 { UInt32(saturating: (self / .milliseconds(1)).rounded(.up)) }
}
