import ApplianceModel
import Basics
import HostSystem
import MachineBackend
import SecureShell
import SystemPackage
import TestSupport
import Testing

@testable import Deployment

@Suite("Waiting for a guest")
struct GuestWaitTests {
    @Test("The limit of a handshake grows while it is too short, to its end, and stays where something else failed")
    func grows() {
        let limits = GuestWaitLimits(patience: .seconds(300))
        var knock = limits.firstKnock
        var seen: [Duration] = []
        for _ in 0..<6 {
            seen.append(knock)
            knock = limits.knock(after: knock, .sshTimedOut)
        }
        #expect(seen == [.seconds(5), .seconds(10), .seconds(20), .seconds(40), .seconds(60), .seconds(60)])
        for code in [Failure.Code.socketRefused, .sshConnectionLost, .sshProtocol, .guestNoAddress, .sshHandshakeFailed] {
            #expect(limits.knock(after: .seconds(10), code) == .seconds(10))
        }
        // A short patience is never shorter than the first limit.
        #expect(GuestWaitLimits(patience: .seconds(1)).longestKnock == .seconds(5))
        #expect(limits.total == .seconds(3600))
    }

    @Test("A guest that prints for ever and lets nobody in is given up, whether it has spoken of a login or not", arguments: ["", "db login: \n"])
    func endless(first: String) async throws {
        try await Scratch.with { scratch in
            let appliance = try await scratch.withMachine()
            let console = scratch.path.appending("serial.log")
            try Files.write("", to: console)
            let host = FakeHost(base: scratch.backend, console: console)
            scratch.backend.fail("start", with: nil)
            scratch.backend.fail("endpoint", with: Failure(.socketRefused, "nobody listens"))
            scratch.backend.set(.off, of: "db")
            let context = DeploymentContext(
                spec: appliance.context.spec, directory: appliance.directory, backend: host, images: scratch.environment.images,
                journal: appliance.context.journal)
            let machine = try #require(try await appliance.machine())
            var limits = GuestWaitLimits(patience: .seconds(300))
            limits.total = .milliseconds(700)
            let error = try await withThrowingTaskGroup(of: Failure?.self) { [limits] group in
                group.addTask {
                    let wait = GuestWait(context: context, machine: machine, limits: limits)
                    do {
                        try await wait.start()
                        return nil
                    } catch let error as Failure {
                        return error
                    }
                }
                group.addTask {
                    let file = try FileDescriptor.open(console, .writeOnly, options: .append)
                    defer { try? file.close() }
                    try file.writeAll(first.utf8)
                    while !Task.isCancelled {
                        try file.writeAll("[    1.000000] still here\n".utf8)
                        try? await ContinuousClock().sleep(for: .milliseconds(20))
                    }
                    return nil
                }
                let error = try await group.next() ?? nil
                group.cancelAll()
                return error
            }
            #expect(error?.code == .guestUnreachable)
            #expect(error?.message.contains("still here") == true)
            #expect(error?.remedy?.contains("pgkvm console db") == true)
        }
    }
}
