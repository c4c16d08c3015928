internal import ApplianceModel
internal import Basics
package import SystemPackage

/// passt: network access for a guest with only the rights of its user, in a separate process and sandbox.
package enum Passt {
    package static let program = "passt"

    /// Starts passt, and waits until its ports are open. It ends by itself when the other end of its socket is closed.
    /// - Parameter arguments: all arguments except those that say how passt is reached; passt reports errors in them on standard error.
    /// - Returns: the other end.
    /// - Throws: `program.missing`, `network.not-permitted` when it does not start.
    package static func start(_ arguments: [String]) async throws -> FileDescriptor {
        let (end, handed) = try Sockets.pair()
        do {
            defer { try? handed.close() }
            let process = try DetachedProcess.spawn(
                [program, "--fd", "3", "--quiet"] + arguments, in: "/", output: .standardError, descriptors: [handed])
            // The process that was started ends as soon as the one that stays in the background is ready.
            let clock = ContinuousClock()
            let status = try await poll(every: .milliseconds(5), until: clock.now + .seconds(60), on: clock) { process.exitStatus() }
            guard status == 0 else {
                if status == nil { try ProcessTable.kill(process.processID) }
                throw Failure(
                    .networkNotPermitted, "passt does not start\(status.map { ": status \($0)" } ?? " within 60 s")",
                    remedy:
                        "its own words stand before this; without a way on there, a new appliance can take 'network.forwarder: slirp', by which the guest reaches every service of this host"
                )
            }
            return end
        } catch {
            try? end.close()
            throw error
        }
    }
}
