internal import ApplianceModel
internal import Basics
internal import BuiltinTemplates
internal import MachineBackend
internal import SecureShell
internal import Workflow

/// Grows the data disk of a running database: the host's file, the disk that QEMU shows, the file system in the guest.
struct GrowDataDiskStep: Step {
    let id = StepID(rawValue: "grow-data-disk")
    let title = "Grow the data disk"

    /// Whether the disk is smaller than the spec asks for, or a growth was begun and may not be complete.
    static func isNeeded(_ context: DeploymentContext) async throws -> Bool {
        guard let machine = try await context.journal.fact(MachineFact.self)?.reference,
            try await context.backend.powerState(of: machine) != .absent
        else { return false }
        if try await context.journal.fact(DataDiskGrowthFact.self)?.isComplete == false { return true }
        return try await context.backend.dataDisk(of: machine) < context.spec.dataDisk.size
    }

    func explanation(_ context: DeploymentContext) -> StepExplanation { StepExplanation(context.backend.words(for: .growDataDisk, context.spec)) }

    func inspect(_ context: DeploymentContext) async throws -> StepStatus {
        try await Self.isNeeded(context) ? .pending : .satisfied("\(context.spec.dataDisk.size)")
    }

    func perform(_ context: DeploymentContext) async throws {
        let size = context.spec.dataDisk.size
        // Recorded first: the machine's own record says that the disk has grown before the file system has.
        try await context.journal.record(DataDiskGrowthFact(size: size, isComplete: false))
        try await context.journal.forget(VerifiedFact.self)
        try await context.backend.growDataDisk(to: size, of: context.machine())
        if let reservation = try await PrepareDataDiskStep.reservation(context) {
            try await context.runUnit(reservation, timeout: PrepareDataDiskStep.reservationTime)
        }
        let script = GuestScript.growDataDisk.text(try await context.require(DataDiskFact.self).uuid, "\(size.bytes)")
        try await context.runUnit(RemoteUnit(purpose: "grow", script: script))
        try await context.journal.record(DataDiskGrowthFact(size: size, isComplete: true))
    }

    /// Does nothing: a file system that has grown is not made smaller again.
    func revert(_ context: DeploymentContext) async throws {}
}

/// The last growth of the data disk.
struct DataDiskGrowthFact: Fact {
    static let key = "data-disk-growth"
    let size: ByteSize
    /// Whether the file system has grown too.
    let isComplete: Bool
}
