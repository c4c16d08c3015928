internal import ApplianceModel
internal import Basics

/// The token's rights, compared with those that are needed.
struct RightsExamination {
    let client: PVEClient

    func look(at need: ProxmoxCheck.Need) async throws -> Finding {
        let permission = need.permission
        let (missing, isOnlyHere) = try await missing(need)
        guard !missing.isEmpty else {
            return Finding(
                check: "proxmox.rights", level: .pass, measured: "\(permission.path): all", expected: permission.privileges.joined(separator: ", "))
        }
        let grant = PVEPermission(path: permission.path, privileges: missing).grant(to: client.token)
        return Finding(
            check: "proxmox.rights", level: need.isOptional ? .warn : .fail,
            measured: "\(permission.path): \(client.token.identifier) has not \(missing.joined(separator: ", "))"
                + (isOnlyHere ? " on what lies below: it is granted without 'propagate'" : ""),
            expected: permission.privileges.joined(separator: ", "),
            remedy: "\(need.isOptional ? "\(need.purpose); " : "")as root on a node: \(grant)")
    }

    /// - Throws: `proxmox.permission` with everything that is missing, and the command for each, where a deployment would be refused for it.
    func demand(_ needs: [ProxmoxCheck.Need]) async throws {
        var missing: [PVEPermission] = []
        for need in needs where !need.isOptional {
            let privileges = try await self.missing(need).privileges
            if !privileges.isEmpty { missing.append(PVEPermission(path: need.permission.path, privileges: privileges)) }
        }
        guard !missing.isEmpty else { return }
        let list = missing.map { "\($0.privileges.joined(separator: ", ")) on \($0.path)" }.joined(separator: "; ")
        throw Failure(
            .proxmoxPermission, "the token '\(client.token.identifier)' lacks rights that a deployment needs: \(list)",
            remedy: "as root on a node: \(missing.map { $0.grant(to: client.token) }.joined(separator: "; "))")
    }

    /// - Returns: the missing privileges, and whether one of them exists but does not apply to what is below the path.
    private func missing(_ need: ProxmoxCheck.Need) async throws -> (privileges: [String], isOnlyHere: Bool) {
        let path = need.permission.path
        let data = try await client.data(.permissions(on: path))[path]
        // Each right comes with a number that says whether it also applies to what is below the path.
        let missing = need.permission.privileges.filter { data?[$0].map { need.isForBelow && !$0.flag } ?? true }
        return (missing, missing.contains { data?[$0] != nil })
    }
}
