internal import ApplianceModel
internal import Synchronization

/// What apt said of its archives a moment ago. A plan asks several times, and a guided deployment makes a plan after each answer.
final class MirrorMemo: Sendable {
    private let known = Mutex<[DebianRelease: (answer: Result<DebianMirror, Failure>, time: ContinuousClock.Instant)]>([:])
    private static let lifetime = Duration.seconds(15)

    /// - Throws: `image.mirror-missing`.
    func mirror(for release: DebianRelease, _ ask: () async throws -> DebianMirror) async throws -> DebianMirror {
        if let last = known.withLock({ $0[release] }), last.time.duration(to: .now) < Self.lifetime { return try last.answer.get() }
        let answer: Result<DebianMirror, Failure>
        do { answer = .success(try await ask()) } catch let failure as Failure { answer = .failure(failure) }
        known.withLock { $0[release] = (answer, .now) }
        return try answer.get()
    }
}
