package import ApplianceModel
internal import Basics

/// Why a measurement is not possible here; not a fault of the appliance.
package struct NotMeasured: Error, Equatable {
    package let reason: String
    package let remedy: String

    package init(reason: String, remedy: String) {
        self.reason = reason
        self.remedy = remedy
    }

    /// The finding of a check that is skipped.
    package func finding(_ check: String, expected: String) -> Finding {
        Finding(check: check, level: .skip, measured: reason, expected: expected, remedy: remedy)
    }
}
