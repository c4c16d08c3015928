internal import ApplianceModel
internal import Basics
package import SystemPackage

/// passt: the network of a guest that its user's own rights are enough for, in a process and a sandbox of its own.
package enum Passt {
    package static let program = "passt"

    /// Starts it, and waits until its ports are open. It ends by itself when nobody has the other end of its socket any more.
    /// - Parameter arguments: all but those that say how it is reached; what is wrong with them it says on standard error.
    /// - Returns: the other end.
    /// - Throws: `program.missing`, `network.not-permitted` when it does not start.
    package static func start(_ arguments: [String]) async throws -> FileDescriptor {
        let (end, handed) = try Sockets.pair()
        do {
            defer { try? handed.close() }
            let process = try DetachedProcess.spawn(
                [program, "--fd", "3", "--quiet"] + arguments, in: "/", output: .standardError, descriptors: [handed])
            // What was started ends as soon as the process that stays behind is ready.
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
