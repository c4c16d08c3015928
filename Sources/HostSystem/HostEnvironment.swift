internal import Basics
internal import FoundationEssentials
internal import Glibc
internal import Quoting
internal import SystemPackage

/// The environment of the process. Below the commands, only the search for programs depends on it.
package enum HostEnvironment {
    /// Removes variables from the environment of this process, and so of every program that it starts. Call it before there is a
    /// second thread: the C library reads the environment without a lock.
    package static func remove(where isMeant: (String) -> Bool) {
        for name in ProcessInfo.processInfo.environment.keys where isMeant(name) { _ = unsafe unsetenv(name) }
    }

    /// pgkvm's own variables through which a user passes a secret: no other program needs them.
    package static let secrets = ["PGKVM_PROXMOX_TOKEN"]

    package static var isRoot: Bool { geteuid() == 0 }

    /// The user whose rights this program has.
    package static var userID: UInt32 { geteuid() }

    /// The groups whose rights this program has.
    package static var groups: Set<UInt32> {
        let count = getgroups(0, nil)
        var found = [gid_t](repeating: 0, count: Int(max(0, count)))
        let filled = unsafe getgroups(count, &found)
        return Set(found.prefix(Int(max(0, filled))) + [getegid()])
    }

    /// `$HOME`; where it is not set, as in a system service, the account's home directory. Nil for a user without an account.
    package static var homeDirectory: String? {
        if let home = EnvironmentVariable.value("HOME"), home.begins(with: "/") { return home }
        let path = unsafe account { unsafe $0.pw_dir }
        return path?.begins(with: "/") == true ? path : nil
    }

    /// The name of the user whose rights this program has; nil for a user without an account.
    package static var userName: String? { unsafe account { unsafe $0.pw_name } }

    /// Whether systemd runs this user's services from boot to shutdown, regardless of logins.
    package static var lingers: Bool { userName.map { Files.exists(FilePath("/var/lib/systemd/linger").appending($0)) } == true }

    private static func account(_ field: (passwd) -> UnsafeMutablePointer<CChar>?) -> String? {
        var entry = unsafe passwd()
        var found: UnsafeMutablePointer<passwd>?
        var buffer = [CChar](repeating: 0, count: 16_384)
        guard unsafe getpwuid_r(geteuid(), &entry, &buffer, buffer.count, &found) == 0, unsafe found != nil, let text = unsafe field(entry) else { return nil }
        return unsafe String(cString: text)
    }
}
