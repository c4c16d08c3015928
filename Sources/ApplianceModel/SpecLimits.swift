package import Basics

/// What the values of a spec may be, and how many of them it may hold. That is far more than an appliance has any use for, and few enough that a file is
/// judged at once and a deployment of it ends: each role costs a password's thousands of hashes, each network a line of pg_hba.conf and a rule of the
/// packet filter.
package enum SpecLimits {
    /// Virtual processors of the machine.
    package static let vcpus = 1...256
    /// Memory of the machine.
    package static let memory = ByteSize.mebibytes(512)...ByteSize.gibibytes(4096)
    /// The disk of the operating system.
    package static let systemDisk = ByteSize.gibibytes(4)...ByteSize.gibibytes(16 * 1024)
    /// The disk of the database.
    package static let dataDisk = ByteSize.gibibytes(1)...ByteSize.gibibytes(16 * 1024)
    /// Ports of this host: those below are root's, and the machine is run by an ordinary user.
    package static let ports = 1024...65535
    /// Major versions of PostgreSQL that are taken from the PostgreSQL project's repository.
    package static let projectVersions = 13...18

    /// Roles of the spec.
    package static let roles = 2000
    /// Roles that may replicate: each has a line of pg_hba.conf for each network.
    package static let replicatingRoles = 32
    /// Roles that one role is a member of.
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

extension ClosedRange where Bound: CustomStringConvertible {
    /// `512MiB to 4TiB`.
    package var words: String { "\(lowerBound) to \(upperBound)" }
}
