import ApplianceModel
import HostSystem
import SystemPackage
import TestSupport
import Testing

/// The appliance `alpha`, deployed without any disturbance, and what was seen meanwhile.
struct Undisturbed: Sendable {
    static let name = "alpha"

    let home: PGKVMHome
    let specFile: FilePath
    /// What deploy printed on standard output and standard error.
    let output: String
    /// What a second deploy of the name said while the first one worked, and its exit status.
    let second: ProgramResult
    /// Every command line that any process of this host had meanwhile.
    let commandLines: Set<String>
    /// What became of it.
    let picture: GuestPicture

    var guest: Guest { Guest(home: home, name: Self.name) }

    static func deploy(in home: PGKVMHome) async throws -> Undisturbed {
        let specFile = try SharedSpec.write(name: name, in: home)
        let guest = Guest(home: home, name: name)
        // The image is built at most once a machine; its time is a stage of its own.
        try await Stage.run("image") { try await home.check("image", "build", "debian-13") }
        return try await Stage.run("deploy \(name)") {
            let deployment = try home.start("deploy", specFile.string, "--timings")
            defer { deployment.send(9) }
            _ = try await deployment.waiting { Files.exists(guest.records.location(MachineDirectory.Record.machine)) ? true : nil }
            let second = try await home.run("deploy", specFile.string)
            var seen: Set<String> = []
            while deployment.isRunning {
                seen.formUnion(HostProcesses.all().map { $0.arguments.joined(separator: " ") })
                try await ContinuousClock().sleep(for: .milliseconds(250))
            }
            let status = try await deployment.end()
            try #require(status == 0, "\(deployment.output)")
            let picture = try await GuestPicture.take(of: guest)
            return Undisturbed(
                home: home, specFile: specFile, output: deployment.output, second: second, commandLines: seen, picture: picture)
        }
    }
}
