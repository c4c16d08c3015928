package import ApplianceModel
package import PostgresClient
package import SecureShell
package import SystemPackage

/// What is verified, and the ways to reach it.
package struct VerificationTarget: Sendable {
    package let spec: ApplianceSpec
    package let accelerator: Accelerator
    package let postgresqlVersion: Int
    package let shell: any RemoteShell
    /// Opens a connection as the role `pgkvm` with `sslmode=verify-full` and channel binding, as a client would.
    package let connect: @Sendable () async throws -> PostgresConnection
    /// Every setting that was asked for, by name, as written in the guest's files.
    package let settings: [String: String]
    /// The data disk's file on this host; nil where the backend keeps it elsewhere.
    package let dataDiskFile: FilePath?
    /// The day on which the server's certificate ends, counted from today; nil when it is unknown.
    package let certificateDaysLeft: Int?

    package init(
        spec: ApplianceSpec, accelerator: Accelerator, postgresqlVersion: Int, shell: any RemoteShell,
        connect: @escaping @Sendable () async throws -> PostgresConnection, settings: [String: String], dataDiskFile: FilePath?,
        certificateDaysLeft: Int?
    ) {
        self.spec = spec
        self.accelerator = accelerator
        self.postgresqlVersion = postgresqlVersion
        self.shell = shell
        self.connect = connect
        self.settings = settings
        self.dataDiskFile = dataDiskFile
        self.certificateDaysLeft = certificateDaysLeft
    }
}

/// One group of checks that share a measurement.
package struct CheckGroup: Sendable {
    /// The first part of the ids of its findings.
    package let name: String
    /// The finding's id when the measurement itself fails.
    package let check: String
    package let run: @Sendable (VerificationTarget) async throws -> [Finding]
}

/// Runs checks and returns their findings; a measurement that fails is a failed check, never a silent one.
package enum Verifier {
    package static let groups: [CheckGroup] = [PostgresChecks.group, SettingsChecks.group, GuestChecks.group, HostChecks.group]

    /// - Parameter progress: called with the name of each group before it runs.
    package static func run(_ target: VerificationTarget, progress: @Sendable (String) -> Void) async throws -> [Finding] {
        var findings: [Finding] = []
        for group in groups {
            try Task.checkCancellation()
            progress(group.name)
            do {
                findings += try await group.run(target)
            } catch is CancellationError {
                throw CancellationError()
            } catch {
                try Task.checkCancellation()
                findings.append(
                    Finding(
                        check: group.check, level: .fail, measured: "could not be measured: \(describe(error))", expected: "an answer",
                        remedy: (error as? Failure)?.remedy ?? "pgkvm status \(target.spec.name)"))
            }
        }
        return findings
    }

    private static func describe(_ error: any Error) -> String {
        guard let failure = error as? Failure else { return "\(error)" }
        return failure.message + (failure.cause.map { ": \(describe($0))" } ?? "")
    }
}
