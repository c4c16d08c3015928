internal import ApplianceModel
internal import Basics

/// The rights of the token.
extension PVEModel {
    func allows(_ path: String, _ privilege: String) -> Bool {
        guard let privileges else { return true }
        let asked = path
        var path = path
        while true {
            if privileges[path]?.contains(privilege) == true, path == asked || !notPropagated.contains(path) { return true }
            guard path != "/", let slash = path.lastIndex(of: "/") else { return false }
            path = slash == path.startIndex ? "/" : String(path[..<slash])
        }
    }

    func demand(_ path: String, _ privilege: String, empty: Bool = false) throws(PVERefusal) {
        guard !allows(path, privilege) else { return }
        throw PVERefusal(status: 403, message: "Permission check failed (\(path), \(privilege))", hasEmptyBody: empty)
    }

    func permissions(_ path: String) -> JSONValue {
        guard let privileges else {
            let all = [
                "VM.Allocate", "VM.Audit", "VM.PowerMgmt", "VM.Config.CPU", "VM.Config.Memory", "VM.Config.Disk", "VM.Config.Network", "VM.Config.Options",
                "VM.Config.HWType", "VM.Config.CDROM", "VM.Config.Cloudinit", "VM.Monitor", "VM.GuestAgent.Audit", "Datastore.Audit", "Datastore.Allocate",
                "Datastore.AllocateSpace", "Datastore.AllocateTemplate", "SDN.Use", "Sys.Audit", "Sys.Console", "Pool.Audit",
            ]
            return [path: Dictionary(uniqueKeysWithValues: all.map { ($0, JSONValue.integer(1)) }).json].json
        }
        let own = Set(privileges.values.flatMap(\.self)).filter { allows(path, $0) }
        guard !own.isEmpty else { return JSONValue.object([:]) }
        // The number says whether it is for what lies below as well.
        let isForBelow: JSONValue = notPropagated.contains(path) ? .integer(0) : .integer(1)
        return [path: Dictionary(uniqueKeysWithValues: own.map { ($0, isForBelow) }).json].json
    }
}
