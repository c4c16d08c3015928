internal import ApplianceModel
internal import Synchronization

/// What apt said of its archives a moment ago. A plan asks several times, and a guided deployment makes a plan after each answer.
enum MirrorMemo {
    private struct Question: Hashable {
        let packaging: HostPackaging
        let release: DebianRelease
    }

    private static let known = Mutex<[Question: (answer: Result<DebianMirror, Failure>, time: ContinuousClock.Instant)]>([:])
    private static let lifetime = Duration.seconds(15)

    /// - Throws: `image.mirror-missing`.
    static func mirror(_ packaging: HostPackaging, for release: DebianRelease) async throws -> DebianMirror {
        let question = Question(packaging: packaging, release: release)
        if let last = known.withLock({ $0[question] }), last.time.duration(to: .now) < lifetime { return try last.answer.get() }
        let answer: Result<DebianMirror, Failure>
        do { answer = .success(try await packaging.mirror(for: release)) } catch let failure as Failure { answer = .failure(failure) }
        known.withLock { $0[question] = (answer, .now) }
        return try answer.get()
    }
}
