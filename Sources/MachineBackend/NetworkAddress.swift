package import ApplianceModel

extension NetworkDecision {
    /// An address belongs to one guest, whether it runs or not.
    /// - Throws: `network.taken`.
    package static func checkAddress(_ wanted: ApplianceSpec.Network, of others: [(name: ApplianceName, network: NetworkDecision)]) throws {
        guard case .own(let own) = wanted.address, let other = others.first(where: { $0.network.address == own.address }) else { return }
        throw Failure(.networkTaken, "network.address: \(own.address) is the address of '\(other.name)'", remedy: "give the guest another address")
    }
}

extension Failure.Code {
    /// The tap device or the address is that of another appliance.
    package static let networkTaken = Failure.Code("network.taken")
}
