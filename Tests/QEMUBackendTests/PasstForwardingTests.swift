import ApplianceModel
import HostSystem
import MachineBackend
import SystemPackage
import Testing

@testable import QEMUBackend

@Suite("User networking by passt, with the real one")
struct PasstForwardingTests {
    private static let network = NetworkDecision(
        mode: .user, macAddress: "52:54:00:a1:b2:c3", sshPort: 40022, postgresqlPort: 45432, forwarder: .passt)

    @Test("What stands in front of QEMU's command names the ports, and no other network has it")
    func command() throws {
        let passt = try #require(PasstForwarding(Self.network, user: .init(user: 997, group: 996)))
        #expect(
            passt.command(program: "/bin/pgkvm") == ["/bin/pgkvm", "start-passt", "--forward", "22:40022", "--forward", "5432:45432", "--user", "997:996", "--"])
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
        let socket = try await passt.open()
        #expect(!Sockets.isPortFree(ports[0]) && !Sockets.isPortFree(ports[1]))
        // A second one for the same ports does not start.
        let taken = await #expect(throws: Failure.self) { try await passt.open() }
        #expect(taken?.code == .networkNotPermitted && taken?.message.contains("status") == true)
        try socket.close()
        let clock = ContinuousClock()
        let isGone = try await poll(every: .milliseconds(50), until: clock.now + .seconds(30), on: clock) {
            ports.allSatisfy(Sockets.isPortFree) ? true : nil
        }
        #expect(isGone == true)
    }

    @Test(
        "A guest does not reach the host's loopback interface, and would without that option",
        .enabled("only root makes network namespaces") { HostEnvironment.isRoot })
    func loopback() async throws {
        let guest = FilePath(#filePath).removingLastComponent().removingLastComponent().appending("Controls").appending("passt-guest")
        let port = try Sockets.promisePort(nil, key: "a", promised: [])
        let arguments = PasstForwarding(forwards: [], user: nil).arguments
        for (arguments, answer) in [(arguments, "shut\n"), (arguments.filter { $0 != "--no-map-gw" }, "reached\n")] {
            #expect(try await ProgramRunner.check("python3", [guest.string, "\(port)"] + arguments).outputText == answer)
        }
    }
}
