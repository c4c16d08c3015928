package import ApplianceModel
package import MachineBackend
internal import Workflow

/// The identity of the deployment, chosen before anything else.
package struct DeploymentFact: Fact {
    package static let key = "deployment"
    package let id: DeploymentID
}

/// What `check-host` decided and found.
package struct HostFact: Fact {
    package static let key = "host"
    package let report: HostReport
}

/// The base image that the machine is made from.
package struct ImageFact: Fact {
    package static let key = "image"
    package let name: String
    package let image: BaseImage
    /// Nil when the image is not one of ours and does not say.
    package let release: DebianRelease?
}

package struct DiskFact: Fact {
    package static let key = "disk"
    package let decision: DiskDecision
    package let findings: [Finding]
}

package struct CPUFact: Fact {
    package static let key = "cpu"
    package let decision: CPUDecision
}

package struct NetworkFact: Fact {
    package static let key = "network"
    package let decision: NetworkDecision
}

/// The machine exists and carries its seed.
package struct MachineFact: Fact {
    package static let key = "machine"
    package let reference: MachineReference
}

/// The first boot is over: cloud-init is off, the seed is gone, the host key is the guest's own.
package struct FirstBootFact: Fact {
    package static let key = "first-boot"
    package let hostKeyFingerprint: String
}

/// The UUID of the data disk's file system, chosen before mkfs.
package struct DataDiskFact: Fact {
    package static let key = "data-disk"
    package let uuid: String
    package let isAdopted: Bool
}

/// The server's packages are installed.
package struct PackagesFact: Fact {
    package static let key = "packages"
    package let version: Int
}

/// What was put into the guest, as a digest of every file and role, and when the certificate ends.
package struct ConfigurationFact: Fact {
    package static let key = "configuration"
    package let digest: String
    /// Seconds since 1970.
    package let certificateEnd: Int64
    /// Where guest and host found each other; nil is user networking.
    let place: GuestPlace?
}

/// A change of the server's configuration is begun, and it is not known to have come true.
package struct ChangeFact: Fact {
    package static let key = "change"
    /// Whether its files were put into the guest: the former ones are kept there until it is settled.
    let isApplied: Bool
    /// Whether the server was started again for it, so that taking it back needs that too.
    let isByRestart: Bool
    /// Why it did not come true; nil while it is under way.
    package let reason: String?
    /// What was said of the configuration before: it is said again when that is back.
    var former: ConfigurationFact?
    /// Roles, databases and extensions that the change made or was about to make.
    var made: [DatabaseParts]?
}

/// Values that the server gave settings of ours itself, by name: a file that says `0` or `-1` may leave the choice to it. Taken when the files
/// came into force, in the server's own units.
package struct ResolvedSettingsFact: Fact {
    package static let key = "resolved-settings"
    let values: [String: String]
}

/// Every check passed after the last change.
package struct VerifiedFact: Fact {
    package static let key = "verified"
    package let time: String
    package let checks: Int
}

extension DeploymentContext {
    /// What there is to tell of a change that has not come true; nil when there is none.
    func pendingChange() async throws -> String? {
        guard let change = try await journal.fact(ChangeFact.self) else { return nil }
        return change.reason.map { "did not come true: \($0)" } ?? "is under way, or was cut off"
    }
}
