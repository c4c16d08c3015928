internal import ApplianceModel
internal import Basics
internal import Synchronization

/// What was found out a moment ago, by running programs. A plan asks the same several times, and a guided deployment makes a plan after each
/// answer; a person who mends what was missing waits no longer than this for the next look.
final class RecentAnswers<Question: Hashable & Sendable, Answer: Sendable>: Sendable {
    private let known = Mutex<[Question: (answer: Result<Answer, Failure>, time: ContinuousClock.Instant)]>([:])
    private let lifetime = Duration.seconds(15)

    /// - Throws: what `ask` throws, now or a moment ago.
    func answer(to question: Question, _ ask: () async throws -> Answer) async throws -> Answer {
        if let last = known.withLock({ $0[question] }), last.time.duration(to: .now) < lifetime { return try last.answer.get() }
        let answer: Result<Answer, Failure>
        do { answer = .success(try await ask()) } catch let failure as Failure { answer = .failure(failure) }
        known.withLock { $0[question] = (answer, .now) }
        return try answer.get()
    }
}

/// How the host is configured, and for which release that was asked.
struct MirrorQuestion: Hashable, Sendable {
    let packaging: HostPackaging
    let release: DebianRelease
}

enum RecentHost {
    static let mirrors = RecentAnswers<MirrorQuestion, DebianMirror>()
    /// By the path of mmdebstrap.
    static let namespaces = RecentAnswers<String, BuildNamespace>()
}
