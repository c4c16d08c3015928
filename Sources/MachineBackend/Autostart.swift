package import Basics

/// Whether a machine is started with its host.
package enum Autostart: Sendable, Equatable {
    /// The unit that does it.
    case on(unit: String)
    case off
    /// This host has nothing that would.
    case unavailable(reason: String, remedy: String)
}

/// The part of a backend that has the host start its machines.
package protocol AutostartProviding: Sendable {
    func autostart(of machine: MachineReference) async throws -> Autostart
    /// - Throws: `autostart.unavailable`, `autostart.taken`.
    func setAutostart(_ isOn: Bool, of machine: MachineReference) async throws
}

/// How the host's own start of a machine is going.
package enum HostStart: Sendable, Equatable {
    /// - Parameter doing: what it does or waits for, in its own words; nil before it has said anything.
    case underWay(doing: String?)
    /// It failed, and the host tries again.
    case failing(reason: String?)
    /// It failed, and the host has given up.
    case failed(reason: String?, remedy: String)
}

/// A backend whose host starts machines by a service that can be asked.
package protocol HostStarting: Sendable {
    /// Nil when the host has no start under way and none that failed.
    func hostStart(of machine: MachineReference) async throws -> HostStart?
    /// Ends a start that is under way, or would be tried again, and leaves the machine as it is.
    func cancelHostStart(of machine: MachineReference) async throws
    /// Has the host forget that a start failed.
    func forgetFailedHostStart(of machine: MachineReference) async
}

extension Failure.Code {
    /// Nothing on this host would start the appliance.
    package static let autostartUnavailable = Failure.Code("autostart.unavailable")
}
