import ApplianceModel
import Basics
import HostSystem
import MachineBackend
import SystemPackage
import TestSupport
import Testing

@testable import QEMUBackend

@Suite("User networking by passt, with the real one")
struct PasstForwardingTests {
    private static let network = NetworkDecision(
        mode: .user, macAddress: "52:54:00:a1:b2:c3", sshPort: 40022, postgresqlPort: 45432, forwarder: .passt)

    @Test("What stands in front of QEMU's command names the ports, and no other network has it")
    func command() throws {
        let passt = try #require(PasstForwarding(Self.network, user: .init(user: 997, group: 996)))
        let values = PlannedValues(deployment: nil, macAddress: nil, sshPort: 40022, postgresqlPort: nil)
        #expect(
            PasstForwarding.command(program: "/bin/pgkvm", values, user: "997:996") == [
                "/bin/pgkvm", "start-passt", "--forward", "22:40022", "--forward", "5432:<port for PostgreSQL, chosen at the deployment>", "--user", "997:996",
                "--",
            ])
        #expect(PasstForwarding.Forward("5432:45432") == passt.forwards.last)
        for text in ["", "22", "22:", "22:70000", "22:1:2", "a:b"] { #expect(PasstForwarding.Forward(text) == nil) }
        #expect(PasstForwarding(NetworkDecision(mode: .user, macAddress: "m", sshPort: 1, postgresqlPort: 2), user: nil) == nil)
        #expect(PasstForwarding(NetworkDecision(mode: .tap, macAddress: "m", sshPort: 22, postgresqlPort: 5432, forwarder: .passt), user: nil) == nil)
    }

    @Test("The host's loopback interface stays shut, only TCP is forwarded from 127.0.0.1, and root's passt becomes QEMU's user")
    func arguments() throws {
        let passt = try #require(PasstForwarding(Self.network, user: .init(user: 997, group: 996)))
        let arguments = passt.arguments
        #expect(arguments.contains("--no-map-gw"))
        #expect(arguments.contains("127.0.0.1/45432:5432"))
        #expect(Array(arguments.suffix(2)) == ["--runas", "997:996"])
        #expect(try !#require(PasstForwarding(Self.network, user: nil)).arguments.contains("--runas"))
    }

    @Test("Its ports are open when it has started, and it ends with the last holder of its socket")
    func life() async throws {
        try await PasstForwarding.tryOut()
        let ports = try [Sockets.promisePort(nil, key: "a", promised: []), Sockets.promisePort(nil, key: "b", promised: [])]
        let passt = try await PasstForwarding(forwards: [.init(guest: 22, host: ports[0]), .init(guest: 5432, host: ports[1])], user: QEMUUser.example().ids)
        let program = PGKVMHome.program.string
        let socket = try await passt.open(program: program)
        #expect(!Sockets.isPortFree(ports[0]) && !Sockets.isPortFree(ports[1]))
        // A second one for the same ports does not start.
        let taken = await #expect(throws: Failure.self) { try await passt.open(program: program) }
        #expect(taken?.code == .networkNotPermitted && taken?.message.contains("status") == true)
        try socket.close()
        let clock = ContinuousClock()
        let isGone = try await poll(every: .milliseconds(50), until: clock.now + .seconds(600), on: clock) {
            ports.allSatisfy(Sockets.isPortFree) ? true : nil
        }
        #expect(isGone == true)
    }

    @Test(
        "Of nine loopback listeners and those of other addresses a hostile guest reaches none, and other hosts it does",
        .enabled("only root makes network namespaces") { HostEnvironment.isRoot })
    func isolation() async throws {
        let relayed = try await reached(through: PGKVMHome.program.string)
        #expect(relayed == ["tcp 198.51.100.2 7900"])
    }

    @Test(
        "The same guest reaches the host where no relay stands before passt, so the tries are real",
        .enabled("only root makes network namespaces") { HostEnvironment.isRoot })
    func control() async throws {
        let reached = try await reached(through: "-")
        #expect(reached.contains("tcp 198.51.100.2 7900"))
        // What every passt lets through; those of loopback only old ones do.
        #expect(reached.contains("tcp 198.51.100.1 7800"))
    }

    @Test("The relay has one thread, no rights and the machine's own id", .enabled("only root has rights to give up") { HostEnvironment.isRoot })
    func relay() async throws {
        let user = QEMUUser(ids: .init(user: MachineUserID.range.upperBound, group: MachineUserID.range.upperBound))
        let (machine, first) = try Sockets.pair()
        let (forwarder, second) = try Sockets.pair()
        let relay = try DetachedProcess.spawn(
            FrameRelay.command(program: PGKVMHome.program.string, user: user), in: "/", output: .standardError, descriptors: [first, second])
        for end in [first, second] { try end.close() }
        // What it hands on tells that it works.
        var length = [UInt8](repeating: 1, count: 4)
        try forwarder.writeAll([0, 0, 0, 1, 9])
        #expect(try length.withUnsafeMutableBytes { try machine.read(into: $0) } > 0)
        let tasks = FilePath("/proc/\(relay.processID)/task")
        let names = try Files.list(tasks)
        #expect(names.count == 1)
        for name in names {
            let status = try Files.readText(tasks.appending(name).appending("status"))
            for line in ["CapEff:\t0000000000000000\n", "CapPrm:\t0000000000000000\n", "NoNewPrivs:\t1\n"] { #expect(status.contains(line), "\(line)") }
            for field in ["Uid", "Gid"] {
                let ids = status.split(separator: "\n").first { $0.hasPrefix("\(field):") }?.split(separator: "\t").dropFirst().map(String.init)
                #expect(ids == [String](repeating: "\(MachineUserID.range.upperBound)", count: 4))
            }
        }
        for end in [machine, forwarder] { try end.close() }
        try await eventually { relay.exitStatus() != nil }
    }

    /// What the guest of the control reaches.
    private func reached(through relay: String) async throws -> [String] {
        let guest = FilePath(#filePath).removingLastComponent().removingLastComponent().appending("Controls").appending("passt-guest")
        let arguments = PasstForwarding(forwards: [], user: nil).arguments
        let output = try await ProgramRunner.check("unshare", ["--net", "python3", guest.string, relay] + arguments).outputText
        return output.split(separator: "\n").map(String.init)
    }
}
