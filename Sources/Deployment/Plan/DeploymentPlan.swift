package import ApplianceModel
package import Basics
package import MachineBackend

/// What a deployment would do, found without changing anything. Its JSON keys are API.
package struct DeploymentPlan: Codable, Sendable {
    package static let currentFormat = 1

    package var formatVersion = DeploymentPlan.currentFormat
    package let name: String
    /// The current state: `new`, `incomplete`, `deployed`.
    package let deployment: Presence
    /// The state that the platform reports: running, off, paused, unresponsive, absent; unknown if the platform is another machine and was not
    /// queried.
    package let state: String
    package let steps: [PlannedStep]
    /// The differences between the spec and the appliance's own spec.
    package let changes: [PlannedChange]
    /// Findings about the host; one of level `fail` refuses the deployment.
    package let findings: [Finding]
    package let resources: [HostResource]
    package let machine: PlannedHardware
    package let ports: [PlannedPort]
    package let packages: PlannedPackages
    /// The program that runs the machine, with its arguments; empty if it is not known.
    package let command: [String]
    /// The requests to the platform's API, in order.
    package let calls: [MachineRecipe.Call]
    package let files: [PlannedFile]

    package enum Presence: String, Codable, Sendable { case new, incomplete, deployed }

    /// Why the deployment would be refused, one line each; empty if it can begin.
    package var refusals: [String] {
        findings.filter { $0.level == .fail }.map(\.measured)
            + ports.filter { $0.state == .taken }.map { "port \($0.port ?? 0) on \($0.address), asked for \($0.service), is in use" }
            + changes.filter { $0.effect == .impossible }.map { "\($0.text) (\($0.reason ?? "it cannot change"))" }
    }

    /// Whether the deployment would change nothing.
    package var isUnchanged: Bool { changes.isEmpty && steps.allSatisfy { $0.status == .done } }
}

/// A step of a deployment, and its status.
package struct PlannedStep: Codable, Sendable {
    package enum Status: String, Codable, Sendable {
        case done, pending
        /// The status is visible only in the guest, which was not asked or did not answer.
        case unknown
    }

    package let id: String
    package let title: String
    package let status: Status
    package let reason: String?
    package let what: String
    package let why: String
    package let byHand: [String]
}

/// A difference between the spec and the appliance.
package struct PlannedChange: Codable, Sendable {
    package enum Effect: String, Codable, Sendable {
        /// Made while everything runs.
        case inPlace
        /// The server is restarted: every connection ends, the machine keeps running.
        case serverRestart
        /// The machine is shut down and started.
        case restart
        /// No part of the appliance is made from it.
        case expectation
        /// The whole spec is replaced, because there is no machine yet.
        case replaced
        case impossible
    }

    package let path: String
    package let before: String
    package let after: String
    package let effect: Effect
    package let reason: String?

    package var text: String { "\(path): \(before) → \(after)" }
}

/// The virtual hardware.
package struct PlannedHardware: Codable, Sendable {
    package let accelerator: Accelerator?
    package let vcpus: Int
    package let memory: ByteSize
    package let systemDisk: ByteSize
    package let dataDisk: ByteSize
    /// Nil if it is not known.
    package let disk: DiskDecision?
}

/// Where the guest's software comes from.
package struct PlannedPackages: Codable, Sendable {
    package let image: String
    /// Nil if the image is not in the cache.
    package let imageKey: String?
    /// Whether the deployment builds the image first.
    package let buildsImage: Bool
    /// What the image of a Debian release contains besides Debian's minimum; empty for an imported one.
    package let inImage: [String]
    /// Nil if only the guest knows it.
    package let postgresqlVersion: Int?
    package let source: String
    /// The packages to install in the guest.
    package let installed: [String]
}

/// A file that a deployment renders.
package struct PlannedFile: Codable, Sendable {
    package enum Kind: String, Codable, Sendable, CaseIterable {
        /// The spec as it is stored.
        case spec
        /// On the cloud-init medium.
        case seed
        /// A file of the guest's system.
        case guest
        /// A file of the server.
        case postgresql
        /// Given to a program in the guest.
        case script
        /// Given to the platform.
        case machine
    }

    package let kind: Kind
    /// The target: in the guest, on the medium, or in the appliance's directory.
    package let target: String
    package let owner: String?
    package let mode: String?
    package let content: String

    /// Its path below the directory of `plan --out`.
    package var relativePath: String {
        switch kind {
        case .spec: target
        case .seed: "seed/\(target)"
        case .guest, .postgresql: "guest\(target)"
        case .script: "scripts/\(target)"
        case .machine: "machine/\(target)"
        }
    }
}
