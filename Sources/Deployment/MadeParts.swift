internal import ApplianceModel
internal import MachineBackend
internal import PostgresServer
internal import SecureShell
internal import SpecFile
internal import Workflow

/// What was actually made from a spec. If a former spec asked for something and it was never made, the user may take the request back.
struct MadeParts {
    /// Whether the guest has, or may have, packages of a server.
    let hasPackages: Bool
    /// Whether the data disk holds, or may hold, a cluster.
    let hasCluster: Bool
    /// The running server; nil if it could not be asked.
    let server: PresentServer?
    /// The extensions in each database for which the former spec asks for some.
    let extensions: [String: Set<String>]

    /// - Parameter isRunning: whether the machine runs, and its guest may be asked.
    static func of(_ known: DeploymentContext, wanted: ApplianceSpec, version: Int?, isRunning: Bool) async throws -> MadeParts {
        // The guest is asked only if its answer makes a difference.
        let refused = SpecDifference.changes(known.spec, wanted).filter { if case .impossible = $0.effect { true } else { false } }.map(\.key)
        let unknown = MadeParts(hasPackages: true, hasCluster: true, server: nil, extensions: [:])
        guard isRunning, !Set(refused).isDisjoint(with: Self.keys), let found = try? await known.guest.check(look).outputText else { return unknown }
        let words = found.split(whereSeparator: \.isWhitespace)
        var server: PresentServer?
        var extensions: [String: Set<String>] = [:]
        if words.contains("cluster"), let version {
            server = try? await PresentServer.ask(known.guest, version: version)
            for database in known.spec.postgresql.databases where server != nil && !database.extensions.isEmpty {
                extensions[database.name] = try? await PresentServer.extensions(of: database.name, known.guest, version: version)
            }
        }
        return MadeParts(hasPackages: words.contains("packages"), hasCluster: words.contains("cluster"), server: server, extensions: extensions)
    }

    /// Keys of what may never have been made.
    private static let keys: Set<String> = [
        "postgresql.roles", "postgresql.databases", "postgresql.version", "postgresql.source", "postgresql.locale",
    ]

    /// Prints `cluster` if the guest has one, and `packages` if it has a server's packages in any state.
    private static let look: ShellCommand = #"""
        sudo -n sh -c 'for cluster in /var/lib/postgresql/*/main/PG_VERSION; do [ ! -e "$cluster" ] || echo cluster; done
        ls /var/lib/dpkg/info/postgresql-[0-9][0-9].list >/dev/null 2>&1 && echo packages; true'
        """#

    /// Whether a change that a finished appliance refuses is possible because what it would remove was never made.
    func allows(_ change: SpecChange, from known: ApplianceSpec, to wanted: ApplianceSpec) -> Bool {
        switch change.key {
        case "postgresql.roles": allowsRole(change, known, wanted)
        case "postgresql.databases": allowsDatabase(change, known, wanted)
        case "postgresql.version", "postgresql.source": !hasPackages && !hasCluster
        case "postgresql.locale": !hasCluster
        default: false
        }
    }

    private func allowsRole(_ change: SpecChange, _ known: ApplianceSpec, _ wanted: ApplianceSpec) -> Bool {
        guard let before = known.postgresql.roles.first(where: { change.path == SpecDifference.path(ofRole: $0.name) }) else { return false }
        if !hasCluster { return true }
        guard let server else { return false }
        guard let after = wanted.postgresql.roles.first(where: { $0.name.utf8.elementsEqual(before.name.utf8) }) else {
            return !server.roles.contains { $0.utf8.elementsEqual(before.name.utf8) }
        }
        return before.memberOf.filter { !after.memberOf.contains($0) }.allSatisfy { group in
            !server.memberships.contains(PresentServer.Membership(role: before.name, group: group))
        }
    }

    private func allowsDatabase(_ change: SpecChange, _ known: ApplianceSpec, _ wanted: ApplianceSpec) -> Bool {
        guard let before = known.postgresql.databases.first(where: { change.path == SpecDifference.path(ofDatabase: $0.name) }) else { return false }
        if !hasCluster { return true }
        guard let server else { return false }
        guard let there = server.databases.first(where: { $0.name.utf8.elementsEqual(before.name.utf8) }) else { return true }
        guard let after = wanted.postgresql.databases.first(where: { $0.name.utf8.elementsEqual(before.name.utf8) }) else { return false }
        return there.owner.utf8.elementsEqual(after.owner.utf8)
            && before.extensions.filter { !after.extensions.contains($0) }.allSatisfy { extensions[before.name]?.contains($0) == false }
    }
}
