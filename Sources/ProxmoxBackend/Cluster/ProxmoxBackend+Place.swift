internal import ApplianceModel
internal import Basics
internal import MachineBackend

/// Keeps to the place that was decided for a machine, although a cluster's figures change all the time.
extension ProxmoxBackend {
    /// The site for a new machine: the decided one, otherwise the one that is chosen now.
    /// - Throws: the reason why it is unfit. A decided site is not replaced by another one: the image may already be there, and what was reported
    ///   about the site would be wrong.
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
