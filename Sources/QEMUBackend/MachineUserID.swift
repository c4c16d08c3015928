internal import ApplianceModel
internal import Glibc
internal import HostSystem
internal import MachineBackend
internal import Quoting
internal import SystemPackage

/// User ids that no account has: one for each machine, so that a guest that breaks out of its QEMU has no access to any other machine.
///
/// systemd's table of user ids (UIDS-GIDS.md) lists the range as unused. There is no registry besides the machines' own records.
package enum MachineUserID {
    package static let range: ClosedRange<UInt32> = 0x7000_0000...0x7FFF_FFFE

    /// The id of a deployment where no other id conflicts: the same at each call.
    static func preferred(for deployment: DeploymentID) -> UInt32 {
        // The deployment id is random: any of its digits will do.
        let number = UInt32(deployment.rawValue.suffix(8), radix: 16) ?? 0
        return range.lowerBound + number % UInt32(range.count)
    }

    /// The first id, starting at the deployment's own, that is neither taken nor an account's. Nil when there is none.
    static func choose(for deployment: DeploymentID, isTaken: (UInt32) -> Bool) -> UInt32? {
        let first = preferred(for: deployment) - range.lowerBound
        let count = UInt32(range.count)
        // A thousand neighbouring ids that are all taken are not a coincidence.
        return (0..<1000).lazy.map { range.lowerBound + (first + $0) % count }.first { !isTaken($0) }
    }

    /// Whether an account or a group has the id.
    static func isAccount(_ id: UInt32) -> Bool { AccountNames.user(id) != nil || AccountNames.group(id) != nil }

    /// Whether this host can assign the ids: a container often has only a few thousand.
    static var isAvailable: Bool {
        ["/proc/self/uid_map", "/proc/self/gid_map"].allSatisfy { path in
            (try? Files.readText(FilePath(path))).map(holdsRange) ?? false
        }
    }

    /// Whether a map of ids (`inside outside count` per line) contains the whole range.
    static func holdsRange(_ map: String) -> Bool {
        map.split(at: "\n").contains { line in
            let words = line.split { $0 == " " || $0 == "\t" }.map { UInt64($0) }
            guard words.count == 3, let first = words[0], let count = words[2] else { return false }
            return first <= UInt64(range.lowerBound) && UInt64(range.upperBound) - first < count
        }
    }
}

/// Look-ups in the host's databases of users and groups.
enum AccountNames {
    private static let bufferSize = 16_384

    static func user(_ id: UInt32) -> String? {
        var entry = passwd()
        var found: UnsafeMutablePointer<passwd>?
        var buffer = [CChar](repeating: 0, count: bufferSize)
        guard getpwuid_r(id, &entry, &buffer, buffer.count, &found) == 0, found != nil else { return nil }
        return String(cString: entry.pw_name)
    }

    static func group(_ id: UInt32) -> String? {
        var entry = Glibc.group()
        var found: UnsafeMutablePointer<Glibc.group>?
        var buffer = [CChar](repeating: 0, count: bufferSize)
        guard getgrgid_r(id, &entry, &buffer, buffer.count, &found) == 0, found != nil else { return nil }
        return String(cString: entry.gr_name)
    }

    static func userIDs(_ name: String) -> (user: UInt32, group: UInt32)? {
        var entry = passwd()
        var found: UnsafeMutablePointer<passwd>?
        var buffer = [CChar](repeating: 0, count: bufferSize)
        guard getpwnam_r(name, &entry, &buffer, buffer.count, &found) == 0, found != nil else { return nil }
        return (entry.pw_uid, entry.pw_gid)
    }

    static func groupID(_ name: String) -> UInt32? {
        var entry = Glibc.group()
        var found: UnsafeMutablePointer<Glibc.group>?
        var buffer = [CChar](repeating: 0, count: bufferSize)
        guard getgrnam_r(name, &entry, &buffer, buffer.count, &found) == 0, found != nil else { return nil }
        return entry.gr_gid
    }
}
