internal import ApplianceModel
package import Basics

/// Ports on this host's loopback interface that are promised to a machine for its lifetime.
extension Sockets {
    /// The requested port if it is free, otherwise one outside the range from which the kernel assigns client ports: otherwise an outgoing
    /// connection could take it while the machine is off.
    /// - Parameters:
    ///   - key: the spec's key, for the message.
    ///   - promised: ports of other machines and services, which count as used whether they run or not.
    /// - Throws: `network.port-in-use`, `socket.no-free-port`.
    package static func promisePort(_ wanted: UInt16?, key: String, promised: Set<UInt16>) throws -> UInt16 {
        guard let wanted else { return try pickFreePort(excluding: promised) }
        guard !promised.contains(wanted), isPortFree(wanted) else {
            throw Failure(.portInUse, "\(key): port \(wanted) on 127.0.0.1 is in use", remedy: "choose another port, or leave it out and one is picked")
        }
        return wanted
    }

    /// Checks whether a promised port can be listened on, before a machine is started.
    /// - Parameter service: the service that will listen, for the message.
    /// - Throws: `network.port-in-use`.
    package static func checkPromised(_ port: UInt16, for service: String) throws {
        guard !isPortFree(port) else { return }
        throw Failure(
            .portInUse, "port \(port) on 127.0.0.1, kept for \(service) of this appliance, is in use",
            remedy: "stop the program that listens there: ss -ltnp 'sport = :\(port)'")
    }
}

extension Failure.Code {
    package static let portInUse = Failure.Code("network.port-in-use")
}
