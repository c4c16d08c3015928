/// One line of the journal.
package struct JournalEntry: Sendable, Equatable {
    package struct Kind: RawRepresentable, Hashable, Sendable, Codable {
        package let rawValue: String
        package init(rawValue: String) { self.rawValue = rawValue }

        package static let runStarted = Kind(rawValue: "runStarted")
        package static let stepStarted = Kind(rawValue: "stepStarted")
        package static let stepFinished = Kind(rawValue: "stepFinished")
        package static let stepFailed = Kind(rawValue: "stepFailed")
        package static let stepReverted = Kind(rawValue: "stepReverted")
        package static let stepRevertFailed = Kind(rawValue: "stepRevertFailed")
        package static let fact = Kind(rawValue: "fact")
        package static let factForgotten = Kind(rawValue: "factForgotten")
        package static let runFinished = Kind(rawValue: "runFinished")

        static let known: Set<Kind> = [
            .runStarted, .stepStarted, .stepFinished, .stepFailed, .stepReverted, .stepRevertFailed, .fact, .factForgotten, .runFinished,
        ]
    }

    /// The content of an entry besides its kind; each kind uses the members that it needs.
    struct Details: Sendable, Equatable {
        var step: StepID?
        var fact: String?
        var result: String?
        var message: String?
        var durationMilliseconds: Int?
    }

    /// The position in the journal, from 1 and without gaps.
    package let sequence: Int
    /// When it was written: ISO 8601, UTC, with milliseconds.
    package let time: String
    /// May be none of the kinds above, if a later program with the same format version wrote the entry.
    package let kind: Kind
    /// The bytes as written, without the newline.
    let line: [UInt8]
    private let details: Details

    init(sequence: Int, time: String, kind: Kind, details: Details, line: [UInt8]) {
        self.sequence = sequence
        self.time = time
        self.kind = kind
        self.details = details
        self.line = line
    }

    /// The step that the entry is about.
    package var step: StepID? { details.step }
    /// The key of the fact that was recorded or forgotten.
    package var fact: String? { details.fact }
    /// For `runFinished`: `completed`, `failed` or `cancelled`.
    package var result: String? { details.result }
    /// For a failure: the error, in words.
    package var message: String? { details.message }
    /// For `stepFinished`: the time that inspecting and performing took.
    package var duration: Duration? { details.durationMilliseconds.map { .milliseconds($0) } }
}
