package import ApplianceModel
internal import Basics
internal import CLinux
internal import SystemPackage

/// What addresses are to this host, by its own routes.
package enum HostRoutes {
    /// Whether packets to the address leave this host. An address of the host's own, of whatever device, does not; nor does one that the
    /// kernel would send to many, or has no way to.
    package static func leadElsewhere(_ address: IPv4Address) -> Bool {
        var kind: Int32 = 0
        return unsafe clinux_route(address.value, &kind) == 0 && kind == Int32(CLINUX_ROUTE_UNICAST)
    }
}

/// The rights of this process.
package enum ProcessRights {
    /// Gives them up for good: another user where one is named, and none can be gained in any case. To be called by a process that has one thread.
    /// - Throws: `program.failed`.
    package static func drop(to ids: (user: UInt32, group: UInt32)?) throws {
        let code = clinux_drop_rights(ids?.user ?? .max, ids?.group ?? .max)
        guard code == 0 else { throw Failure(.programFailed, "cannot give up the rights of this process", cause: Errno(rawValue: code)) }
    }
}
