internal import ApplianceModel

/// Why a measurement cannot be made here; not a fault of the appliance.
struct NotMeasured: Error, Equatable {
    let reason: String
    let remedy: String

    /// The finding of a check that is left out.
    func finding(_ check: String, expected: String) -> Finding {
        Finding(check: check, level: .skip, measured: reason, expected: expected, remedy: remedy)
    }
}
