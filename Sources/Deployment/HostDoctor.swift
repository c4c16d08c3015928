package import ApplianceModel
internal import Basics
internal import MachineBackend

/// What `check-host` and `prepare-image` would report, without a deployment.
package enum HostDoctor {
    /// Examines this host itself.
    /// - Returns: findings; one of level `fail` means that a deployment would be refused.
    package static func examine(_ environment: ApplianceEnvironment, accelerator: AcceleratorChoice) async throws -> [Finding] {
        guard let name = ApplianceName("doctor") else { return [] }
        var spec = ApplianceSpec(name: name)
        spec.machine.accelerator = accelerator
        return try await examine(environment, for: spec)
    }

    /// Examines the platform that a spec names.
    static func examine(_ environment: ApplianceEnvironment, for spec: ApplianceSpec) async throws -> [Finding] {
        var findings: [Finding] = []
        do {
            let backend = environment.backend(for: spec)
            findings += try await backend.checkHost(spec).findings
            findings += try await backend.decideDisks(spec).1
        } catch let error as Failure {
            findings.append(
                Finding(check: "host.usable", level: .fail, measured: error.message, expected: "a host that can run the guest", remedy: error.remedy))
        }
        return try await findings + ImageFindings.ofHost(environment.images)
    }
}
