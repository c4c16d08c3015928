internal import ApplianceModel
internal import Basics
internal import HostSystem
internal import MachineBackend
internal import Reports

/// What this host knows about the appliance.
enum HostChecks {
    static let group = CheckGroup(name: .host, check: "host.report") { run, _ in
        let target = run.target
        var findings = [emulation(target.accelerator), certificate(target.certificateDaysLeft)]
        // This host's memory does not matter to a machine on another host.
        if target.spec.machine.isOnThisHost { findings.append(try overcommit()) }
        if let file = target.backend.capabilities.dataDiskFile?.dataDiskFile(of: target.machine) {
            findings.append(allocation(Files.status(file, followLinks: false), asked: target.spec.dataDisk.size))
        } else if let telling = target.backend.capabilities.dataDiskSpace {
            findings.append(allocation(try await telling.dataDiskSpace(of: target.machine), asked: target.spec.dataDisk.size))
        }
        if let platform = target.backend.capabilities.spaceReserving { findings += try await platform.examinePromise(to: target.machine) }
        if let platform = target.backend.capabilities.availability { findings += try await availability(platform, target.machine) }
        return findings
    }

    /// Empty if no other host is asked for and none is available.
    static func availability(_ platform: any HighAvailabilityProviding, _ machine: MachineReference) async throws -> [Finding] {
        guard try await platform.isAvailabilityAsWanted(for: machine) else {
            return [
                Finding(
                    check: "host.availability", level: .fail, measured: "not as it was deployed", expected: "kept running by its platform as the spec says",
                    remedy: "run 'pgkvm deploy' again: it brings that about")
            ]
        }
        return try await platform.examineAvailability(of: machine).map { [$0] } ?? []
    }

    private static func emulation(_ accelerator: Accelerator) -> Finding {
        let isKVM = accelerator == .kvm
        return Finding(
            check: "host.accelerator", level: isKVM ? .pass : .warn,
            measured: isKVM ? "KVM" : "TCG: emulated, many times slower, and no isolation from the host", expected: "KVM",
            remedy: isKVM ? nil : "pgkvm doctor says why KVM is not usable on this host")
    }

    static func certificate(_ days: Int?) -> Finding {
        guard let days else {
            return Finding(
                check: "certificate.expiry", level: .fail, measured: "no server certificate", expected: "more than 30 days left",
                remedy: "run 'pgkvm deploy' again: it issues one")
        }
        return Finding(
            check: "certificate.expiry", level: days < 0 ? .fail : days <= 30 ? .warn : .pass,
            measured: days < 0 ? "expired \(-days) days ago" : "\(days) days left", expected: "more than 30 days left",
            remedy: days > 30 ? nil : "run 'pgkvm deploy' again: it issues a new one and reloads the server")
    }

    private static func overcommit() throws -> Finding {
        let memory = try HostMemory.current()
        let isTight = memory.available.bytes * 20 < memory.total.bytes
        return Finding(
            check: "host.overcommit", level: isTight ? .warn : .pass, measured: "\(memory.available.mebibytes) of \(memory.total.mebibytes) MiB available",
            expected: "at least 5 % available", remedy: isTight ? "the host is overcommitted: it may kill the guest; stop something" : nil)
    }

    /// If the disk is not allocated, the database stops on the day the host is full.
    static func allocation(_ status: FileStatus?, asked: ByteSize) -> Finding {
        guard let status else {
            return Finding(
                check: "disk.allocation", level: .fail, measured: "the disk's file is gone", expected: "\(asked) allocated", remedy: "restore from a backup")
        }
        return allocation(DataDiskSpace(size: status.size, reserved: status.allocated), asked: asked)
    }

    static func allocation(_ space: DataDiskSpace, asked: ByteSize) -> Finding {
        let passed = space.size == asked && space.reserved >= asked
        return Finding(
            check: "disk.allocation", level: passed ? .pass : .fail,
            measured: "\(space.reserved.mebibytes) of \(space.size.mebibytes) MiB allocated", expected: "all of \(asked.mebibytes) MiB",
            remedy: passed ? nil : "fallocate the file while the appliance is stopped")
    }
}
