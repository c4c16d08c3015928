package import ApplianceModel

/// Whether a machine is started with its host.
package enum Autostart: Sendable, Equatable {
    /// The unit that does it.
    case on(unit: String)
    case off
    /// This host has nothing that would.
    case unavailable(reason: String, remedy: String)
}

/// A backend that can have the host start its machines.
package protocol AutostartProviding: Sendable {
    func autostart(of machine: MachineReference) async throws -> Autostart
    /// - Throws: `autostart.unavailable`, `autostart.taken`.
    func setAutostart(_ isOn: Bool, of machine: MachineReference) async throws
}

extension Failure.Code {
    /// Nothing on this host would start the appliance.
    package static let autostartUnavailable = Failure.Code("autostart.unavailable")
}
