/// How much a spec may hold. Far more than an appliance has any use for, and few enough that a file is judged at once and a deployment of it ends: each
/// role costs a password's thousands of hashes, each network a line of pg_hba.conf and a rule of the packet filter.
package enum SpecLimits {
    package static let roles = 2000
    /// Roles that may replicate: each has a line of pg_hba.conf for each network.
    package static let replicatingRoles = 32
    package static let memberships = 200
    package static let databases = 2000
    package static let extensions = 200
    package static let settings = 1000
    package static let networks = 1000
    package static let nameServers = 16

    /// Faults that are listed one by one; of more than these only the number is shown.
    package static let listedFaults = 100
    /// Faults for which the nearest known name is looked for: each is compared with all the known ones.
    package static let suggestions = 20

    /// - Parameter what: in the plural: `roles`.
    /// - Returns: nil when there are not too many.
    package static func fault(_ path: String, _ count: Int, _ limit: Int, _ what: String) -> SpecFault? {
        count <= limit ? nil : SpecFault(path, "there are \(count) \(what); allowed are at most \(limit)")
    }
}

extension SpecLimits {
    /// The faults as they are listed: the first ones, and how many more there are.
    package static func listed(_ faults: [String]) -> [String] {
        guard faults.count > listedFaults else { return faults }
        return faults.prefix(listedFaults) + ["… and \(faults.count - listedFaults) more"]
    }
}
