package import Basics

/// Whether the host starts a machine when it boots.
package enum Autostart: Sendable, Equatable {
    /// The unit that starts the machine.
    case on(unit: String)
    case off
    /// This host has nothing that could start the machine.
    case unavailable(reason: String, remedy: String)
}

/// The part of a backend that makes the host start its machines.
package protocol AutostartProviding: Sendable {
    func autostart(of machine: MachineReference) async throws -> Autostart
    /// - Throws: `autostart.unavailable`, `autostart.taken`.
    func setAutostart(_ isOn: Bool, of machine: MachineReference) async throws
}

/// The progress of the host's own start of a machine.
package enum HostStart: Sendable, Equatable {
    /// - Parameter doing: what the start does or waits for, in its own words; nil before it has reported anything.
    case underWay(doing: String?)
    /// The start failed, and the host will try again.
    case failing(reason: String?)
    /// The start failed, and the host has given up.
    case failed(reason: String?, remedy: String)
}

/// A backend whose host starts machines through a service that can be queried.
package protocol HostStarting: Sendable {
    /// Nil when the host has no start under way and no failed start.
    func hostStart(of machine: MachineReference) async throws -> HostStart?
    /// Cancels a start that is under way or would be retried, and leaves the machine as it is.
    func cancelHostStart(of machine: MachineReference) async throws
    /// Makes the host forget that a start failed.
    func forgetFailedHostStart(of machine: MachineReference) async
}

extension Failure.Code {
    /// Nothing on this host could start the appliance.
    package static let autostartUnavailable = Failure.Code("autostart.unavailable")
}
