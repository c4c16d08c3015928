internal import ApplianceModel
internal import Basics
internal import Glibc
internal import HostSystem
internal import MachineBackend
internal import SystemPackage

/// The user that a machine's QEMU runs as.
extension QEMUBackend {
    /// Chooses the user of a machine that has none yet, and puts it into the record. The caller saves the record before giving the user anything.
    func chooseUser(of record: inout QEMUMachine) async throws -> QEMUUser {
        guard HostEnvironment.isRoot else { return QEMUUser(ids: nil) }
        if record.userID != nil { return .of(record) }
        guard MachineUserID.isAvailable else { return try await .account() }
        let others = try otherUserIDs(than: record.spec.name)
        guard
            let id = MachineUserID.choose(
                for: record.spec.deployment, isTaken: { others.contains($0) || MachineUserID.isAccount($0) })
        else {
            throw Failure(
                .machineFailed, "every user id for QEMU near \(MachineUserID.preferred(for: record.spec.deployment)) is taken",
                remedy: "look at the accounts with ids from \(MachineUserID.range.lowerBound) on: getent passwd")
        }
        record.userID = id
        return .of(record)
    }

    /// The user ids of all other machines of this state directory, running or not.
    private func otherUserIDs(than name: ApplianceName) throws -> Set<UInt32> {
        try Files.list(state.path).reduce(into: []) { ids, entry in
            guard let other = ApplianceName(entry), other != name, let id = try? QEMUMachine.load(from: state.appliance(other).machine())?.userID else {
                return
            }
            ids.insert(id)
        }
    }

    /// Gives the files of a machine that an earlier pgkvm made to the machine's own user: such a machine ran as the shared account. The machine is
    /// off, so its own processes cannot replace files meanwhile. Even so, each file is checked through the descriptor that changes its owner.
    func handOver(_ directory: MachineDirectory, to user: QEMUUser) throws {
        guard let ids = user.ids, let account = QEMUUser.lookUp(QEMUUser.accountName), account != ids else { return }
        func failed(_ name: String) -> Failure {
            Failure(
                .fileUnwritable, "cannot give '\(directory.path.appending(name))' to the user of its machine, \(ids.user)", cause: Errno(rawValue: errno))
        }
        let folder = open(directory.path.string, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
        guard folder >= 0 else { throw failed("") }
        defer { close(folder) }
        var status = stat()
        guard fstat(folder, &status) == 0 else { throw failed("") }
        if status.st_uid == account.user, fchown(folder, ids.user, ids.group) != 0 { throw failed("") }
        for name in try Files.list(directory.path) {
            let file = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)
            // A socket or a link: QEMU makes its own again.
            guard file >= 0 else { continue }
            defer { close(file) }
            // The file may be another machine's under a second name: what the shared account could reach is not given away without this check.
            guard fstat(file, &status) == 0, status.st_mode & S_IFMT == S_IFREG, status.st_uid == account.user, status.st_nlink == 1 else { continue }
            guard fchown(file, ids.user, ids.group) == 0 else { throw failed(name) }
        }
    }
}
