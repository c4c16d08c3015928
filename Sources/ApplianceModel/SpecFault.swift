package import Basics

/// One fault of a spec.
package struct SpecFault: Sendable, Equatable, CustomStringConvertible {
    /// The key, as in the spec file: `machine.memory`, `postgresql.roles[0].name`.
    package let path: String
    /// What is wrong, and what is allowed.
    package let message: String

    /// - Parameters:
    ///   - path: the key, as in the spec file.
    ///   - message: what is wrong, and what is allowed.
    package init(_ path: String, _ message: String) {
        self.path = path
        self.message = message
    }

    /// `machine.vcpus: 0 virtual CPUs are not possible; allowed are 1 to 256`.
    package var description: String { "\(SpecRules.escaped(path)): \(message)" }
}

extension Failure.Code {
    /// A spec breaks a rule; the message lists every fault.
    package static let specInvalid = Failure.Code("spec.invalid")
}

extension Failure {
    /// One failure for all the faults of a spec, one line each; if there are very many, only the first ones.
    package static func invalidSpec(_ source: String, faults: [String]) -> Failure {
        let count = faults.count == 1 ? "1 fault" : "\(faults.count) faults"
        return Failure(
            .specInvalid, "\(source) has \(count):\n" + SpecLimits.listed(faults).map { "  \($0)" }.joined(separator: "\n"),
            remedy: "correct what is listed and run the same command again")
    }
}
