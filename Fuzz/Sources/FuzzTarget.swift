/// One place at which bytes from elsewhere enter pgkvm.
struct FuzzTarget {
    let name: String
    /// The longest input that is made.
    let maxLength: Int
    /// Hands the input to the code under test. It traps where a promise about the result is broken; what it throws counts for nothing.
    let run: @Sendable (FuzzInput) throws -> Void

    init(_ name: String, maxLength: Int = 4096, run: @escaping @Sendable (FuzzInput) throws -> Void) {
        self.name = name
        self.maxLength = maxLength
        self.run = run
    }

    /// Those that a guest or a stranger reaches come first.
    static let all: [FuzzTarget] = [
        .guestAnswers, .monitor, .console, .diskImage, .quoting, .report, .journal, .spec, .hostKey, .remoteUnit, .apt, .transferSize, .proxmoxAnswer,
        .domain, .redactor, .serverAnswer, .sizes, .processor, .passwordFile, .specDifference,
    ]
}

/// Ends the program where a promise about a result does not hold.
func require(_ holds: Bool, _ message: @autoclosure () -> String) {
    if !holds { fatalError("broken promise: \(message())") }
}
