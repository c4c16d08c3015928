import ApplianceModel
import Basics
import Foundation
import Glibc
import HostSystem
import MachineBackend
import SystemPackage
import TestSupport
import Testing

@testable import QEMUBackend

/// Ports, devices and addresses that others have.
extension MachineCreationTests {
    @Test("Ports of other appliances count as used, and one's own are kept")
    func ports() async throws {
        try await Workbench.with { bench in
            let spec = try bench.spec()
            _ = try await bench.backend.create(spec)
            var wanted = ApplianceSpec(name: try #require(ApplianceName("other")))
            wanted.network.sshPort = spec.network.sshPort
            let error = await #expect(throws: Failure.self) { _ = try await bench.backend.decideNetwork(wanted, deployment: .random()) }
            #expect(error?.code == .portInUse)
            #expect(error?.message.contains("network.sshPort: port \(spec.network.sshPort)") == true)

            let own = ApplianceSpec(name: spec.name)
            #expect(try await bench.backend.decideNetwork(own, deployment: spec.deployment) == spec.network)
            wanted.network.sshPort = nil
            let decision = try await bench.backend.decideNetwork(wanted, deployment: spec.deployment)
            #expect(Set([decision.sshPort, decision.postgresqlPort, spec.network.sshPort, spec.network.postgresqlPort]).count == 4)
        }
    }

    @Test("A tap device and an address that are another appliance's are refused, before the host is looked at")
    func networkTaken() async throws {
        try await Workbench.with { bench in
            _ = try await bench.backend.create(
                bench.spec { parts in
                    parts.network = NetworkDecision(
                        mode: .tap, macAddress: "52:54:00:a1:b2:c3", sshPort: 22, postgresqlPort: 5432, device: "tap-of-none",
                        address: IPv4Address(192, 168, 1, 20))
                })
            var wanted = ApplianceSpec(name: try #require(ApplianceName("other")))
            wanted.network.mode = .tap
            wanted.network.device = "tap-of-none"
            let device = await #expect(throws: Failure.self) { _ = try await bench.backend.decideNetwork(wanted, deployment: .random()) }
            #expect(device?.code == .networkTaken)
            #expect(device?.message == "network.device: 'tap-of-none' leads to the guest of 'orders'")
            wanted.network.mode = .bridge
            wanted.network.address = try #require(.init("192.168.1.20/24"))
            let address = await #expect(throws: Failure.self) { _ = try await bench.backend.decideNetwork(wanted, deployment: .random()) }
            #expect(address?.code == .networkTaken)
            wanted.network.address = try #require(.init("192.168.1.21/24"))
            let other = await #expect(throws: Failure.self) { _ = try await bench.backend.decideNetwork(wanted, deployment: .random()) }
            #expect(other?.code == .networkDeviceMissing)
        }
    }
}
