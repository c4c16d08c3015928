internal import ApplianceModel
internal import Glibc
internal import HostSystem
package import SystemPackage

/// The user that a QEMU process runs as: `pgkvm` when root starts it, else the caller.
package struct QEMUUser: Sendable, Equatable {
    package struct IDs: Sendable, Equatable {
        package let user: UInt32
        package let group: UInt32
    }

    /// Its ids when QEMU has to change to it, nil when the caller is the user.
    package let ids: IDs?

    package static let accountName = "pgkvm"

    /// The user for this process's rights; root's own account is made when it is missing.
    static func prepare() async throws -> QEMUUser {
        guard HostEnvironment.isRoot else { return QEMUUser(ids: nil) }
        if let ids = lookUp(accountName) { return QEMUUser(ids: ids) }
        // Two that make it at once would make it twice, with two numbers: useradd looks before it locks.
        let lock = try await FileLock.acquire("/run/pgkvm-account.lock")
        defer { withExtendedLifetime(lock) {} }
        if let ids = lookUp(accountName) { return QEMUUser(ids: ids) }
        let result = try await ProgramRunner.run(
            "useradd", ["--system", "--user-group", "--no-create-home", "--home-dir", "/nonexistent", "--shell", "/usr/sbin/nologin", accountName])
        guard let ids = lookUp(accountName) else {
            throw Failure(
                .programFailed, "cannot make the account '\(accountName)' that QEMU runs as: \(result.errorText)",
                remedy: "useradd --system \(accountName)")
        }
        return QEMUUser(ids: ids)
    }

    /// The user without making the account: the caller where there is none.
    static func current() -> QEMUUser { QEMUUser(ids: HostEnvironment.isRoot ? lookUp(accountName) : nil) }

    /// The name of whoever runs this program.
    static var callerName: String? {
        var entry = passwd()
        var found: UnsafeMutablePointer<passwd>?
        var buffer = [CChar](repeating: 0, count: bufferSize)
        guard getpwuid_r(geteuid(), &entry, &buffer, buffer.count, &found) == 0, found != nil else { return nil }
        return String(cString: entry.pw_name)
    }

    private static let bufferSize = 16_384

    private static func lookUp(_ name: String) -> IDs? {
        var entry = passwd()
        var found: UnsafeMutablePointer<passwd>?
        var buffer = [CChar](repeating: 0, count: bufferSize)
        guard getpwnam_r(name, &entry, &buffer, buffer.count, &found) == 0, found != nil else { return nil }
        return IDs(user: entry.pw_uid, group: entry.pw_gid)
    }

    /// The group whose members may use /dev/kvm.
    private static var kvmGroup: UInt32? {
        var entry = group()
        var found: UnsafeMutablePointer<group>?
        var buffer = [CChar](repeating: 0, count: bufferSize)
        guard getgrnam_r("kvm", &entry, &buffer, buffer.count, &found) == 0, found != nil else { return nil }
        return entry.gr_gid
    }

    /// Gives a file or directory to the user.
    package func own(_ path: FilePath) throws {
        guard let ids else { return }
        guard lchown(path.string, ids.user, ids.group) == 0 else {
            throw Failure(.fileUnwritable, "cannot give '\(path)' to the user '\(Self.accountName)'", cause: Errno(rawValue: errno))
        }
    }

    /// Whether the user may open /dev/kvm, as far as owner and mode say. The caller's own rights are tried by the micro-guest.
    func canUseKVM(_ device: FileStatus?) -> Bool {
        guard ids != nil, let device else { return true }
        return device.mode & 0o006 == 0o006 || (device.group == Self.kvmGroup && device.mode & 0o060 == 0o060)
    }

    /// The start of QEMU's command line: what runs it as the user, without this program's environment and so that it can never
    /// gain rights, and QEMU itself.
    /// - Throws: `program.missing`.
    func emulator(forKVM: Bool) throws -> [String] {
        guard let ids else { return [QEMUAbilities.program] }
        var groups = ["--clear-groups"]
        if forKVM, let group = Self.kvmGroup { groups = ["--groups", "\(group)"] }
        return ["setpriv", "--reuid", "\(ids.user)", "--regid", "\(ids.group)"] + groups
            + ["--inh-caps=-all", "--bounding-set=-all", "--no-new-privs", "--reset-env", "--", try ProgramRunner.find(QEMUAbilities.program).string]
    }
}
