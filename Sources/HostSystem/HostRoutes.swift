package import ApplianceModel
internal import Basics
internal import CLinux
internal import SystemPackage

/// How this host reaches addresses, according to its own routes.
package enum HostRoutes {
    /// Whether packets to the address leave this host. They do not for the host's own addresses, on any device. Nor do they for an address that the
    /// kernel would send to several hosts, or has no route to.
    package static func leadElsewhere(_ address: IPv4Address) -> Bool {
        var kind: Int32 = 0
        return unsafe clinux_route(address.value, &kind) == 0 && kind == Int32(CLINUX_ROUTE_UNICAST)
    }
}

/// The rights of this process.
package enum ProcessRights {
    /// Gives them up permanently: changes to another user where one is named, and never allows new ones. The calling process must have one thread.
    /// - Throws: `program.failed`.
    package static func drop(to ids: (user: UInt32, group: UInt32)?) throws {
        let code = clinux_drop_rights(ids?.user ?? .max, ids?.group ?? .max)
        guard code == 0 else { throw Failure(.programFailed, "cannot give up the rights of this process", cause: Errno(rawValue: code)) }
    }
}
