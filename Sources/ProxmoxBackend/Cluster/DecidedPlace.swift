internal import ApplianceModel
internal import Basics
package import MachineBackend
internal import Synchronization

/// Where the machine goes that is to be made: decided once, since a cluster's figures change from one look to the next.
final class DecidedPlace: Sendable {
    private let state = Mutex<(former: MachinePlace?, own: MachinePlace?)>((nil, nil))

    /// What a former run decided.
    var former: MachinePlace? { state.withLock { $0.former } }
    /// What was decided, by whichever run.
    var place: MachinePlace? { state.withLock { $0.former ?? $0.own } }

    func keep(_ place: MachinePlace) { state.withLock { $0.former = place } }
    func decide(_ place: MachinePlace) { state.withLock { $0.own = place } }
}

extension ProxmoxBackend: MachinePlacing {
    package func keep(_ place: MachinePlace) { decided.keep(place) }

    /// The site for a new machine: the decided one, else the one that is chosen now.
    /// - Throws: what makes it unfit. One that was decided is not left for another: the image may be there already, and what was said
    ///   of it would be wrong.
    func site(_ wanted: Wanted, _ cluster: ClusterView, at place: MachinePlace?, _ client: PVEClient) async throws -> DecidedSite {
        guard let place else { return try await NodeChoice(client: client, wanted: wanted).decide(cluster, named: connection.node) }
        var wanted = wanted
        wanted.storage = place.storage
        wanted.imageStorage = place.imageStorage
        wanted.isoStorage = place.mediaStorage
        do {
            let site = try await NodeChoice(client: client, wanted: wanted).decide(cluster, named: place.node)
            return connection.node == nil ? (site.site, site.node, "chosen when the deployment began") : site
        } catch let error as Failure where connection.node == nil && NodeChoice.isAboutTheNode(error) {
            throw Failure(
                error.code, "\(error.message); the node was chosen when the deployment began",
                remedy: "wait until it can take the machine; or have the node chosen anew: pgkvm delete NAME, then deploy again", cause: error)
        }
    }
}

extension MachinePlace {
    init(_ site: Site) {
        self.init(node: site.node, storage: site.store.name, imageStorage: site.imageStore.name, mediaStorage: site.isoStore.name)
    }
}
