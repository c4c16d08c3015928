package import Basics

/// The allowed values of a spec, and how many of them it may hold. The limits are far above what an appliance needs, and low enough that a file is
/// checked at once and its deployment ends. Each role costs thousands of hashes for its password. Each network costs a line of pg_hba.conf and a rule
/// of the packet filter.
package enum SpecLimits {
    /// Virtual processors of the machine.
    package static let vcpus = 1...256
    /// Memory of the machine.
    package static let memory = ByteSize.mebibytes(512)...ByteSize.gibibytes(4096)
    /// The disk of the operating system.
    package static let systemDisk = ByteSize.gibibytes(4)...ByteSize.gibibytes(16 * 1024)
    /// The disk of the database.
    package static let dataDisk = ByteSize.gibibytes(1)...ByteSize.gibibytes(16 * 1024)
    /// Ports of this host. Lower ports are root's, and an ordinary user runs the machine.
    package static let ports = 1024...65535
    /// Major versions of PostgreSQL that are installed from the PostgreSQL project's repository.
    package static let projectVersions = 13...18

    /// Roles of the spec.
    package static let roles = 2000
    /// Roles that may replicate: each needs a line of pg_hba.conf for each network.
    package static let replicatingRoles = 32
    /// Roles of which one role is a member.
    package static let memberships = 200
    /// Databases of the spec.
    package static let databases = 2000
    /// Extensions of one database.
    package static let extensions = 200
    /// Settings of postgresql.conf.
    package static let settings = 1000
    /// Networks whose clients may connect.
    package static let networks = 1000
    /// Name servers that the guest asks.
    package static let nameServers = 16

    /// The most faults to list one by one; of the others only the number is shown.
    package static let listedFaults = 100
    /// The most faults for which the nearest known name is searched: each is compared with all the known ones.
    package static let suggestions = 20

    /// - Parameter what: the items, in the plural: `roles`.
    /// - Returns: nil if there are not too many.
    package static func fault(_ path: String, _ count: Int, _ limit: Int, _ what: String) -> SpecFault? {
        count <= limit ? nil : SpecFault(path, "there are \(count) \(what); allowed are at most \(limit)")
    }
}

extension SpecLimits {
    /// The faults in listed form: the first ones, and how many more there are.
    package static func listed(_ faults: [String]) -> [String] {
        guard faults.count > listedFaults else { return faults }
        return faults.prefix(listedFaults) + ["… and \(faults.count - listedFaults) more"]
    }
}

extension ClosedRange where Bound: CustomStringConvertible {
    /// `512MiB to 4TiB`.
    package var words: String { "\(lowerBound) to \(upperBound)" }
}
