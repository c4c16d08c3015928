internal import ApplianceModel
internal import Basics
internal import Glibc
internal import HostSystem
internal import Quoting
package import SystemPackage

/// The user that a QEMU process runs as: the machine's own user id when root starts it, otherwise the caller.
package struct QEMUUser: Sendable, Equatable, CustomStringConvertible {
    package struct IDs: Sendable, Equatable {
        package let user: UInt32
        package let group: UInt32
    }

    /// Its ids when QEMU has to change to it, nil when the caller is the user.
    package let ids: IDs?

    package var description: String { ids?.description ?? "the caller" }

    /// The account shared by all machines of a host that cannot assign user ids.
    package static let accountName = "pgkvm"

    /// The user of a machine: the id in its record, otherwise the account, which may be missing.
    static func of(_ machine: QEMUMachine) -> QEMUUser {
        guard HostEnvironment.isRoot else { return QEMUUser(ids: nil) }
        if let id = machine.userID { return QEMUUser(ids: IDs(user: id, group: id)) }
        return QEMUUser(ids: lookUp(accountName))
    }

    /// The shared account, which is created when it is missing.
    static func account() async throws -> QEMUUser {
        if let ids = lookUp(accountName) { return QEMUUser(ids: ids) }
        // Two processes at once would create it twice, with two numbers: useradd checks before it locks.
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

    /// A user like the one that a new machine would get, for trials.
    static func example() async throws -> QEMUUser {
        guard HostEnvironment.isRoot else { return QEMUUser(ids: nil) }
        guard MachineUserID.isAvailable else { return try await account() }
        return QEMUUser(ids: IDs(user: MachineUserID.range.upperBound, group: MachineUserID.range.upperBound))
    }

    /// The same without creating the account: the caller where there is none.
    static func plannedExample() -> QEMUUser {
        guard HostEnvironment.isRoot else { return QEMUUser(ids: nil) }
        guard MachineUserID.isAvailable else { return QEMUUser(ids: lookUp(accountName)) }
        return QEMUUser(ids: IDs(user: MachineUserID.range.upperBound, group: MachineUserID.range.upperBound))
    }

    static func lookUp(_ name: String) -> IDs? { AccountNames.userIDs(name).map { IDs(user: $0.user, group: $0.group) } }

    /// The group whose members may use /dev/kvm.
    static var kvmGroup: UInt32? { AccountNames.groupID("kvm") }

    /// Gives a file or directory to the user.
    package func own(_ path: FilePath) throws {
        guard let ids else { return }
        guard lchown(path.string, ids.user, ids.group) == 0 else {
            throw Failure(.fileUnwritable, "cannot give '\(path)' to the user of its machine, \(ids.user)", cause: Errno(rawValue: errno))
        }
    }

    /// Whether the user may open /dev/kvm, judging by its owner and mode. The micro-guest tests the caller's own rights.
    func canUseKVM(_ device: FileStatus?) -> Bool {
        guard ids != nil, let device else { return true }
        return device.mode & 0o006 == 0o006 || (device.group == Self.kvmGroup && device.mode & 0o060 == 0o060)
    }
}

extension QEMUUser {
    /// Runs QEMU as the user, without this program's environment and without any way to gain rights: for a QEMU that only tries something and ends.
    /// - Throws: `program.missing`.
    var command: [String] {
        get throws {
            guard let ids else { return [QEMUAbilities.program] }
            return [
                "setpriv", "--reuid", "\(ids.user)", "--regid", "\(ids.group)", "--clear-groups", "--inh-caps=-all", "--bounding-set=-all",
                "--no-new-privs", "--reset-env", "--", try ProgramRunner.find(QEMUAbilities.program).string,
            ]
        }
    }
}

extension QEMUUser.IDs: LosslessStringConvertible {
    /// Nil for anything but two numbers with a colon between them: `1879048192:1879048192`.
    package init?(_ description: String) {
        let parts = description.split(at: ":", omittingEmptySubsequences: false).map { UInt32($0) }
        guard parts.count == 2, let user = parts[0], let group = parts[1], user > 0, group > 0 else { return nil }
        self.init(user: user, group: group)
    }

    package var description: String { "\(user):\(group)" }
}
