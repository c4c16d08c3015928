package import ApplianceModel
package import MachineBackend
internal import Workflow

/// The identity of the deployment, chosen before anything else.
package struct DeploymentFact: Fact {
    package static let key = "deployment"
    package let id: DeploymentID
}

/// What `check-host` found and decided.
package struct HostFact: Fact {
    package static let key = "host"
    package let report: HostReport
}

/// The base image that the machine is made from.
package struct ImageFact: Fact {
    package static let key = "image"
    package let name: String
    package let image: BaseImage
    /// Nil if the image was not built by pgkvm and does not say.
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

/// The machine exists and its seed is attached.
package struct MachineFact: Fact {
    package static let key = "machine"
    package let reference: MachineReference
}

/// The first boot is over: cloud-init is off, the seed is gone, and the guest has its own host key.
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

/// The configuration that was written into the guest: a digest of every file and role, and when the certificate ends.
package struct ConfigurationFact: Fact {
    package static let key = "configuration"
    package let digest: String
    /// Seconds since 1970.
    package let certificateEnd: Int64
    /// The addresses at which guest and host find each other; nil means user networking.
    let place: GuestPlace?
}

/// A change of the server's configuration has begun, and may not be complete.
package struct ChangeFact: Fact {
    package static let key = "change"
    /// Whether its files were written into the guest. The former files are kept there until the change is settled.
    let isApplied: Bool
    /// Whether the server was restarted for the change. If so, taking it back needs a restart too.
    let isByRestart: Bool
    /// Why the change failed; nil while it is under way.
    package let reason: String?
    /// The configuration's fact before the change. It is recorded again when that configuration is back in force.
    var former: ConfigurationFact?
    /// Roles, databases and extensions that the change made or was about to make.
    var made: [DatabaseParts]?
}

/// The values, by name, that the server itself chose for pgkvm's settings: a file that says `0` or `-1` may leave the choice to the server. They are
/// read when the files come into force, and are in the server's own units.
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
    /// The description of a change that is not complete; nil if there is none.
    func pendingChange() async throws -> String? {
        guard let change = try await journal.fact(ChangeFact.self) else { return nil }
        return change.reason.map { "did not come true: \($0)" } ?? "is under way, or was cut off"
    }
}
