internal import ApplianceModel
internal import Basics
internal import BuiltinTemplates
internal import FoundationEssentials
internal import MachineBackend
internal import SecureShell
internal import Workflow

/// Creates the file system of the data disk, which is found by its virtio serial.
struct PrepareDataDiskStep: Step {
    let id = StepID(rawValue: "prepare-data-disk")
    let title = "Prepare the data disk"

    func explanation(_ context: DeploymentContext) -> StepExplanation {
        StepExplanation(
            what: "makes ext4 on /dev/disk/by-id/virtio-\(MachineSpec.dataDiskSerial) and mounts it, by UUID and noatime, on /var/lib/postgresql"
                + (context.backend.capabilities.spaceReserving != nil ? "; a disk whose space its store only promises is written once before" : ""),
            why: "only a blank disk is ever formatted; the database lives apart from the system and survives it",
            byHand: ["mkfs.ext4 -E nodiscard,lazy_itable_init=0,lazy_journal_init=0 /dev/disk/by-id/virtio-pgdata", "mount -o noatime …"])
    }

    func inspect(_ context: DeploymentContext) async throws -> StepStatus {
        guard let uuid = try await context.journal.fact(DataDiskFact.self)?.uuid else { return .pending }
        let found = try await context.guest.run(Self.mountedCommand(uuid), input: [], timeout: .seconds(60))
        guard found.status == 0 else { return .pending }
        return .satisfied("mounted on /var/lib/postgresql")
    }

    /// Succeeds if the file system is mounted, and the next boot mounts it as this version intends: a former version had systemd give up after 60 s.
    static func mountedCommand(_ uuid: String) -> ShellCommand {
        let script = #"[ "$(findmnt -n -o UUID /var/lib/postgresql)" = "$1" ] && ! grep -q "^UUID=$1 .*x-systemd\.device-timeout=60s" /etc/fstab"#
        return "sh -c \(script) sh \(uuid)"
    }

    func perform(_ context: DeploymentContext) async throws {
        if let reservation = try await Self.reservation(context) { try await context.runUnit(reservation, timeout: Self.reservationTime) }
        try await context.runUnit(Self.preparation(context))
    }

    /// Enough for some TiB at the speed of a slow disk.
    static let reservationTime = Duration.seconds(48 * 3600)

    /// Writes the whole disk once, if only that reserves its space; nil if the space is reserved, or the disk holds a user's data.
    static func reservation(_ context: DeploymentContext) async throws -> RemoteUnit? {
        guard let backend = context.backend.capabilities.spaceReserving, context.spec.dataDisk.adopt == nil, case let machine = try await context.machine(),
            try await backend.isReservedByWriting(machine), case let size = try await context.backend.dataDisk(of: machine)
        else { return nil }
        let script = GuestScript.reserveDataDisk.text(try await chosen(context).uuid, MachineSpec.dataDiskSerial, "\(size.bytes)")
        return RemoteUnit(purpose: "reserve", script: script)
    }

    static func preparation(_ context: DeploymentContext) async throws -> RemoteUnit {
        let disk = try await chosen(context)
        let script = GuestScript.prepareDataDisk.text(disk.uuid, MachineSpec.dataDiskSerial, disk.isAdopted ? "adopted" : "new")
        return RemoteUnit(purpose: "data-disk", script: script)
    }

    /// Chooses and journals the UUID before mkfs, so that a later run recognizes its own file system.
    private static func chosen(_ context: DeploymentContext) async throws -> DataDiskFact {
        if let disk = try await context.journal.fact(DataDiskFact.self) { return disk }
        let disk: DataDiskFact
        if let adopted = context.spec.dataDisk.adopt {
            disk = DataDiskFact(uuid: try KeptData.load(adopted).fileSystemUUID, isAdopted: true)
        } else {
            disk = DataDiskFact(uuid: UUID().uuidString.lowercased(), isAdopted: false)
        }
        try await context.journal.record(disk)
        return disk
    }

    /// Does nothing: a file system is never undone. Reverting `create-machine` removes the whole disk if this run created it.
    func revert(_ context: DeploymentContext) async throws {}
}
