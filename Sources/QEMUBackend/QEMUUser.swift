internal import ApplianceModel
internal import Glibc
internal import HostSystem
package import SystemPackage

/// The user that a QEMU process runs as: `pgkvm` when root starts it, else the caller.
package struct QEMUUser: Sendable, Equatable {
    /// Its ids when QEMU has to change to it, nil when the caller is the user.
    package let ids: (user: UInt32, group: UInt32)?

    package static let accountName = "pgkvm"

    package static func == (left: QEMUUser, right: QEMUUser) -> Bool { left.ids?.user == right.ids?.user }

    /// The user for this process's rights; root's own account is made when it is missing.
    static func prepare() async throws -> QEMUUser {
        guard HostEnvironment.isRoot else { return QEMUUser(ids: nil) }
        if let ids = lookUp(accountName) { return QEMUUser(ids: ids) }
        _ = try await ProgramRunner.check(
            "useradd", ["--system", "--user-group", "--no-create-home", "--home-dir", "/nonexistent", "--shell", "/usr/sbin/nologin", accountName])
        guard let ids = lookUp(accountName) else {
            throw Failure(.programFailed, "the account '\(accountName)' was made and cannot be found")
        }
        return QEMUUser(ids: ids)
    }

    /// The user without making the account: the caller where there is none.
    static func current() -> QEMUUser { QEMUUser(ids: HostEnvironment.isRoot ? lookUp(accountName) : nil) }

    private static func lookUp(_ name: String) -> (user: UInt32, group: UInt32)? {
        guard let entry = unsafe getpwnam(name) else { return nil }
        return unsafe (entry.pointee.pw_uid, entry.pointee.pw_gid)
    }

    /// Gives a file or directory to the user.
    package func own(_ path: FilePath) throws {
        guard let ids else { return }
        guard unsafe lchown(path.string, ids.user, ids.group) == 0 else {
            throw Failure(.fileUnwritable, "cannot give '\(path)' to the user '\(Self.accountName)'", cause: Errno(rawValue: errno))
        }
    }

    /// What stands before QEMU on the command line so that it runs as the user and can never gain rights.
    func prefix(forKVM: Bool) -> [String] {
        guard let ids else { return [] }
        var groups = ["--clear-groups"]
        if forKVM, let group = unsafe getgrnam("kvm") { groups = unsafe ["--groups", "\(group.pointee.gr_gid)"] }
        return ["setpriv", "--reuid", "\(ids.user)", "--regid", "\(ids.group)"] + groups + ["--inh-caps=-all", "--bounding-set=-all", "--no-new-privs", "--"]
    }
}
