internal import ApplianceModel
internal import Basics
internal import Deployment
internal import HostSystem
internal import MachineBackend
internal import PostgresServer

/// The input of a stop: the answers so far, and what the planner found on this host for them.
struct Situation: Sendable {
    let spec: ApplianceSpec
    let plan: DeploymentPlan
    let cpu: HostCPU
    /// Names of the images in the cache.
    let images: [String]

    /// The recommended values: those of a spec that leaves everything out.
    var standard: ApplianceSpec { ApplianceSpec(name: spec.name) }

    var isEmulated: Bool { plan.machine.accelerator == .tcg }

    var byHand: ByHandSubject { ByHandSubject(spec: spec, plan: plan) }

    /// The findings of a check, with what to do about them.
    func finding(_ check: String) -> [String] { plan.findings.filter { $0.check == check }.map(Self.text) }

    static func text(_ finding: Finding) -> String {
        let remedy = finding.level >= .warn ? finding.remedy.map { "; try: \($0)" } ?? "" : ""
        return "\(finding.level.rawValue): \(finding.measured)\(remedy)"
    }

    func resource(_ kind: HostResource.Kind) -> String? {
        plan.resources.first { $0.kind == kind }.map { resource in
            "\(resource.available.mebibytes) MiB \(kind == .memory ? "of memory available" : "free")\(resource.place.map { " at '\($0)'" } ?? "")"
                + ", \(resource.needed.mebibytes) MiB needed"
        }
    }

    /// A setting that the server would get with a profile; nil if its version is not known.
    func setting(_ name: String, profile: ApplianceSpec.PostgreSQL.Profile) -> String? {
        guard let version = plan.packages.postgresqlVersion else { return nil }
        var spec = spec
        spec.postgresql.profile = profile
        return ServerConfiguration(spec: spec, layout: .debian(version: version)).settings.effective[name]
    }
}
