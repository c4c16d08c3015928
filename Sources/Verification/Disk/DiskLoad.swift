internal import ApplianceModel
internal import HostSystem
internal import Probes

/// Keeps two verifications from measuring on the same disk at once: each would measure the other, and remove its files.
enum DiskLoad {
    /// Runs `body` alone. If the measurement is not possible here, the check is skipped with the reason.
    static func alone(_ run: VerificationRun, check: String, expected: String, _ body: () async throws -> [Finding]) async throws -> [Finding] {
        do {
            guard let lock = try FileLock.tryAcquire(run.target.measurementLock) else {
                throw NotMeasured(reason: "another verification is measuring on this disk", remedy: "verify again when it has ended")
            }
            let findings = try await body()
            _ = consume lock
            return findings
        } catch let reason as NotMeasured {
            return [reason.finding(check, expected: expected)]
        }
    }
}

/// The progress of the rounds, and an estimate of the remaining time at the pace so far.
struct RoundProgress {
    let what: String
    let rounds: Int
    private let start = ContinuousClock.now

    init(_ what: String, rounds: Int) {
        self.what = what
        self.rounds = rounds
    }

    /// The text before round `round`, counted from 1.
    func text(round: Int) -> String { Self.text(what, round: round, of: rounds, elapsed: ContinuousClock.now - start) }

    static func text(_ what: String, round: Int, of rounds: Int, elapsed: Duration) -> String {
        guard round > 1 else { return "\(what): round 1 of \(rounds)" }
        let left = elapsed / (round - 1) * (rounds - round + 1)
        return "\(what): round \(round) of \(rounds), about \(left.components.seconds + 1) s left"
    }
}
