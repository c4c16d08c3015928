internal import ApplianceModel
internal import Basics
internal import HostSystem
internal import MachineBackend
internal import SystemPackage

/// Whether QEMU may use KVM. QEMU may have fewer rights than this program.
extension QEMUBackend {
    /// The micro-guest's verdict, and whether QEMU will have the rights that the micro-guest ran with.
    func kvmVerdict(_ user: () async throws -> QEMUUser) async throws -> KVMVerdict {
        let verdict = await KVMProbe.run(device: kvm)
        guard case .usable = verdict else { return verdict }
        if let refusal = try await refusal(to: user()) { return refusal }
        return try await refusalToServices() ?? verdict
    }

    /// Why the machine's user may not open the device although this program may; nil when the user may.
    private func refusal(to user: QEMUUser) -> KVMVerdict? {
        guard !user.canUseKVM(Files.status(kvm)) else { return nil }
        return .unusable(reason: "the machine's own user, in the group 'kvm', may not open it (chgrp kvm \(kvm) && chmod 0660 \(kvm))")
    }

    /// The same for the services that this user's systemd runs.
    private func refusalToServices() async throws -> KVMVerdict? {
        guard !HostEnvironment.isRoot, SystemdManager.isAvailable, try await !SystemdManager(isRoot: false).mayUse(kvm) else { return nil }
        return .permissionDeniedToServices(userID: HostEnvironment.userID)
    }

    /// Returns once a user's QEMU may open the device.
    /// - Throws: `host.kvm-unusable` when that takes too long.
    func awaitKVM(for user: QEMUUser) async throws {
        let clock = ContinuousClock()
        func obstacle() -> KVMVerdict? { KVMProbe.obstacle(device: kvm) ?? refusal(to: user) }
        if obstacle() != nil { report("waiting for \(kvm)") }
        _ = try await WaitingTime.measure {
            try await poll(every: .milliseconds(250), until: clock.now + kvmPatience, on: clock) { obstacle() == nil ? true : nil }
        }
        // A service manager's groups do not change during the wait.
        var reason = obstacle()
        if reason == nil { reason = try await refusalToServices() }
        guard let reason else { return }
        let problem = KVMProblem(reason, cpu: HostCPU.current())
        throw Failure(.kvmUnusable, "KVM, which the machine runs under, cannot be used: \(problem.reason)", remedy: problem.remedy)
    }
}
