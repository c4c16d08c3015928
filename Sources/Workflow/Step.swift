/// The stable name of a step, such as `boot-guest`; part of the journal, the events and the command line.
package struct StepID: RawRepresentable, Hashable, Sendable, Codable, CustomStringConvertible {
    package let rawValue: String
    package init(rawValue: String) { self.rawValue = rawValue }
    package var description: String { rawValue }
}

/// The result of inspecting the current state for a step.
package enum StepStatus: Sendable, Equatable {
    /// There is work to do.
    case pending
    /// There is nothing to do; the reason is a fragment for people, such as "guest is running".
    case satisfied(String)
}

/// What a step does, why, and how a person would do it by hand.
package struct StepExplanation: Sendable, Equatable {
    package let what: String
    package let why: String
    /// Command lines; empty when there is nothing to type.
    package let byHand: [String]

    package init(what: String, why: String, byHand: [String] = []) {
        self.what = what
        self.why = why
        self.byHand = byHand
    }
}

/// One unit of work. Every method may run again after a crash, so each checks the current state before it changes anything.
package protocol Step<Context>: Sendable {
    /// What the steps of a list share: the spec, the journal's facts, and access to the systems outside.
    associatedtype Context: Sendable

    /// Different from the id of every other step of the list.
    var id: StepID { get }
    /// An imperative phrase, such as "Boot the guest".
    var title: String { get }

    /// Explains the step; uses only the context, and may be called before any step ran.
    func explanation(_ context: Context) -> StepExplanation
    /// Checks the current state without changing anything. `.satisfied` makes the runner skip `perform`.
    func inspect(_ context: Context) async throws -> StepStatus
    /// Does the work. Record a resource as a fact before the next call that can fail.
    func perform(_ context: Context) async throws
    /// Undoes everything that this step may have done, also after an incomplete `perform`; it is not an error when there is nothing to undo.
    func revert(_ context: Context) async throws
}

/// A step as gates and renderers see it, without its context.
package struct StepSummary: Sendable, Equatable {
    package let id: StepID
    package let title: String
    /// The position in the list, from 1.
    package let position: Int
    /// The number of steps in the list.
    package let count: Int
    package let explanation: StepExplanation

    package init(id: StepID, title: String, position: Int, count: Int, explanation: StepExplanation) {
        self.id = id
        self.title = title
        self.position = position
        self.count = count
        self.explanation = explanation
    }
}
