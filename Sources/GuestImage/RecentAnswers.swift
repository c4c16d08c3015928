internal import ApplianceModel
internal import Basics
internal import Synchronization

/// Results of programs that were run a moment ago. A plan asks the same several times, and a guided deployment makes a plan after each
/// answer. A person who fixes what was missing waits at most `lifetime` for the next check.
final class RecentAnswers<Question: Hashable & Sendable, Answer: Sendable>: Sendable {
    private let known = Mutex<[Question: (answer: Result<Answer, Failure>, time: ContinuousClock.Instant)]>([:])
    private let lifetime = Duration.seconds(15)

    /// - Throws: what `ask` throws now, or threw a moment ago.
    func answer(to question: Question, _ ask: () async throws -> Answer) async throws -> Answer {
        if let last = known.withLock({ $0[question] }), last.time.duration(to: .now) < lifetime { return try last.answer.get() }
        let answer: Result<Answer, Failure>
        do { answer = .success(try await ask()) } catch let failure as Failure { answer = .failure(failure) }
        known.withLock { $0[question] = (answer, .now) }
        return try answer.get()
    }
}

/// The host's configuration, and the release for which the mirror was requested.
struct MirrorQuestion: Hashable, Sendable {
    let packaging: HostPackaging
    let release: DebianRelease
}

enum RecentHost {
    static let mirrors = RecentAnswers<MirrorQuestion, DebianMirror>()
    /// By the path of mmdebstrap.
    static let namespaces = RecentAnswers<String, BuildNamespace>()
}
