internal import ApplianceModel
package import Deployment
internal import GuestImage
package import HostSystem
internal import Quoting
package import SystemPackage

/// What a guide needs besides its terminal.
package struct Surroundings: Sendable {
    package let environment: ApplianceEnvironment
    /// This host's processor; a test supplies its own.
    package let cpu: HostCPU
    /// The directory of files that the user names without a directory.
    package let workingDirectory: FilePath

    package init(environment: ApplianceEnvironment, cpu: HostCPU = .current(), workingDirectory: FilePath) {
        self.environment = environment
        self.cpu = cpu
        self.workingDirectory = workingDirectory
    }

    func directory(of name: ApplianceName) -> GuideDirectory { GuideDirectory(environment.state, name) }

    /// The file that a user in the working directory means.
    package func absolute(_ path: String) -> FilePath { path.begins(with: "/") ? FilePath(path) : workingDirectory.appending(path).lexicallyNormalized() }

    /// A path as a user in the working directory would type it.
    package func shown(_ path: FilePath) -> String {
        var path = path
        return path.removePrefix(workingDirectory) && !path.isEmpty ? path.string : path.string
    }

    /// What the planner says about a spec; `plan` uses the same planner.
    func situation(_ spec: ApplianceSpec, asksGuest: Bool = false) async throws -> Situation {
        let plan = try await Planner(environment).plan(spec, asksGuest: asksGuest)
        return Situation(spec: spec, plan: plan, cpu: cpu, images: ((try? environment.images.list()) ?? []).map(\.name))
    }
}
