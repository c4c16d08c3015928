import ApplianceModel
import Basics
import HostSystem
import MachineBackend
import SystemPackage
import Testing

@testable import QEMUBackend

@Suite("The monitor's client")
struct QMPClientTests {
    @Test("Nobody there is no client")
    func absent() async throws {
        #expect(try await QMPClient.connect("/tmp/pgkvm-no-such.sock") == nil)
    }

    @Test("A refused command is a failure with QEMU's reason, and the conversation goes on")
    func refused() async throws {
        try await Workbench.with { bench in
            let machine = try await bench.backend.create(bench.spec())
            try await bench.backend.start(machine)
            try await bench.monitor { monitor in
                let error = await #expect(throws: Failure.self) { try await monitor.execute("no-such-command") }
                #expect(error?.code == .monitorRefused)
                #expect(error?.message.contains("no-such-command") == true)
                let status = try await monitor.execute("query-status")
                #expect(status["status"]?.string == "running")
            }
        }
    }

    @Test("A second client waits for its turn no longer than its limit, also below a second")
    func limit() async throws {
        try await Workbench.with { bench in
            let machine = try await bench.backend.create(bench.spec())
            try await bench.backend.start(machine)
            let socket = try bench.machineDirectory().file(MachineDirectory.Name.monitorSocket)
            try await bench.monitor { monitor in
                let error = await #expect(throws: Failure.self) { _ = try await QMPClient.connect(socket, timeout: .milliseconds(200)) }
                #expect(error?.code == .monitorUnresponsive)
                try await monitor.execute("query-status")
            }
            #expect(try await bench.backend.powerState(of: machine) == .running)
        }
    }

    @Test("A QEMU that ends during the conversation is a failure, not a signal")
    func gone() async throws {
        try await Workbench.with { bench in
            let machine = try await bench.backend.create(bench.spec())
            try await bench.backend.start(machine)
            try await bench.monitor { monitor in
                try ProcessTable.kill(try #require(try await bench.backend.processID(of: machine)))
                try await eventually { try await bench.backend.processID(of: machine) == nil }
                for _ in 0..<2 {
                    let error = await #expect(throws: Failure.self) { try await monitor.execute("query-status") }
                    #expect(error?.code == .monitorUnresponsive)
                }
            }
        }
    }
}
