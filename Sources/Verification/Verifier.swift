package import ApplianceModel
internal import Basics
package import Reports

/// One running verification: what its checks share.
package struct VerificationRun: Sendable {
    package let target: VerificationTarget
    package let options: VerificationOptions
    /// Reports what is being done and, if known, how long it may still take.
    package let progress: @Sendable (String) -> Void
    /// The guest's report about itself, requested once.
    let guestReport: GuestReportSource

    init(target: VerificationTarget, options: VerificationOptions, progress: @escaping @Sendable (String) -> Void) {
        self.target = target
        self.options = options
        self.progress = progress
        guestReport = GuestReportSource(target: target)
    }
}

/// A group of checks that share a measurement.
package struct CheckGroup: Sendable {
    package let name: GroupName
    /// The finding's id if the measurement itself fails.
    package let check: String
    /// Whether it belongs to a verification of this depth.
    package var runs: @Sendable (VerificationOptions) -> Bool = { _ in true }
    /// Measures and judges. Figures are added to the measurements as they come, so that those before a failure are kept.
    package let run: @Sendable (VerificationRun, inout Measurements) async throws -> [Finding]
}

/// Runs checks and returns their findings. A measurement that fails is always reported as a failed check.
package enum Verifier {
    /// In the order in which they run: read-only checks come before those that put load on the machine.
    package static let groups: [CheckGroup] = looking + measuring + ending

    private static let looking = [
        HostChecks.group, ProcessorCountChecks.group, ProcessorChecks.group, GuestChecks.group, ClockChecks.group, ProcessChecks.group,
        NetworkShapeChecks.group, NetworkPathChecks.group, PacketFilterChecks.group, IsolationChecks.group,
        LocalUsersChecks.group, LinkChecks.group, PostgresChecks.group, DataDirectoryChecks.group,
        SettingsChecks.group, AccessFileChecks.group,
        DurabilitySettingsChecks.group, PlacementChecks.group, PasswordChecks.group, SuperuserChecks.group, DoorChecks.group, DiskShapeChecks.group,
        DiskQueueChecks.group, DurabilityChecks.nodes, DurabilityChecks.writeCache,
    ]
    private static let measuring = [
        AESSpeedChecks.group, RoundTripChecks.group, ThroughputChecks.group, PgbenchChecks.group, DiskLatencyChecks.write, DiskLatencyChecks.read,
        VirtualizationTaxCheck.group, FsyncMethodsCheck.group, FlushConservation.group,
    ]
    private static let ending = [CrashChecks.group, MachineCrashChecks.group]

    /// - Parameters:
    ///   - progress: receives a text about what is being done.
    ///   - timed: called with the time that the measurements of a group took.
    package static func run(
        _ target: VerificationTarget, _ options: VerificationOptions = VerificationOptions(), progress: @escaping @Sendable (String) -> Void,
        timed: @Sendable (GroupName, Duration) -> Void = { _, _ in }
    ) async throws -> (findings: [Finding], measurements: Measurements) {
        let run = VerificationRun(target: target, options: options, progress: progress)
        var findings: [Finding] = []
        var measurements = Measurements()
        for group in groups where options.groups.contains(group.name) && group.runs(options) {
            try Task.checkCancellation()
            progress(group.name.rawValue)
            let start = ContinuousClock.now
            defer { timed(group.name, .now - start) }
            do {
                findings += try await group.run(run, &measurements)
            } catch is CancellationError {
                throw CancellationError()
            } catch {
                try Task.checkCancellation()
                let finding = Finding(
                    check: group.check, level: .fail, measured: "could not be measured: \(describe(error))", expected: "an answer",
                    remedy: (error as? Failure)?.remedy ?? "pgkvm status \(target.spec.name)")
                // If several groups share a question and it fails, the failure is reported once.
                if !findings.contains(finding) { findings.append(finding) }
            }
        }
        measurements.keepFinite()
        findings += LimitChecks.findings(options, measurements) + BaselineChecks.findings(options, measurements, target.accelerator)
        return (findings, measurements)
    }

    private static func describe(_ error: any Error) -> String {
        guard let failure = error as? Failure else { return "\(error)" }
        return failure.message + (failure.cause.map { ": \(describe($0))" } ?? "")
    }
}
