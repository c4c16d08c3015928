import ApplianceModel
import MachineBackend
import Testing

@testable import Deployment

@Suite("A wanted spec in terms of the known one")
struct ComparableSpecTests {
    private func spec(_ forwarder: ApplianceSpec.Network.Forwarder) throws -> ApplianceSpec {
        var spec = ApplianceSpec(name: try #require(ApplianceName("orders")))
        spec.network.forwarder = forwarder
        return spec
    }

    @Test(
        "Asking for the forwarder that the machine has is no change, asking for the other one is",
        arguments: [
            // Known, of the machine (nil is slirp, as former versions wrote it), wanted, whether that is a change.
            (.auto, .passt, .passt, false), (.auto, .passt, .slirp, true), (.auto, nil, .slirp, false), (.auto, nil, .auto, false), (.auto, nil, .passt, true),
            (.passt, .passt, .auto, false), (.slirp, nil, .auto, false), (.slirp, nil, .passt, true), (.passt, .passt, .slirp, true),
        ] as [(ApplianceSpec.Network.Forwarder, ApplianceSpec.Network.Forwarder?, ApplianceSpec.Network.Forwarder, Bool)])
    func forwarder(known: ApplianceSpec.Network.Forwarder, made: ApplianceSpec.Network.Forwarder?, wanted: ApplianceSpec.Network.Forwarder, isChange: Bool)
        throws
    {
        let decision = NetworkDecision(mode: .user, macAddress: "52:54:00:00:00:01", sshPort: 2222, postgresqlPort: 5433, forwarder: made)
        let (known, wanted) = (try spec(known), try spec(wanted))
        #expect((wanted.comparable(with: known, network: decision) != known) == isChange)
    }

    @Test("Before the network was decided every other forwarder is a change")
    func undecided() throws {
        #expect(try spec(.slirp).comparable(with: spec(.auto), network: nil) != spec(.auto))
        #expect(try spec(.auto).comparable(with: spec(.auto), network: nil) == spec(.auto))
    }
}
