internal import ApplianceModel
internal import Basics
internal import Glibc
internal import HostSystem
internal import MachineBackend
internal import Probes
internal import Quoting
internal import SystemPackage

/// Counts how often the host's file system is asked to make the data disk's file durable.
///
/// The file system's own trace point sees every kind of request: fdatasync(2) of threads, IO_CMD_FDSYNC, IORING_OP_FSYNC. It is filtered by the
/// file's inode. perf runs in its own mount namespace, so that nothing is mounted on the host.
struct HostFlushCount: Sendable {
    enum Outcome: Sendable, Equatable {
        /// - Parameter how: the trace point.
        case counted(Int, how: String)
        case impossible(NotMeasured)
    }

    private let directory: FilePath
    private let event: String
    private let file: FileStatus
    /// The name of the file with which perf's workload reports that the count has begun, and of the file that ends it.
    private static let begun = "begun"
    private static let ended = "ended"

    /// Runs `body` while perf counts; `host` receives the outcome. If the host cannot count, `body` runs all the same.
    static func with<Value: Sendable>(
        _ target: VerificationTarget, _ body: (HostFlushCount?) async throws -> Value, host: (inout Value, Outcome) -> Void
    ) async throws -> Value {
        let file = try await target.dataDiskFile()
        let event: String
        do {
            event = try Self.event(file: file)
        } catch let reason as NotMeasured {
            var value = try await body(nil)
            host(&value, .impossible(reason))
            return value
        }
        guard let file, let status = Files.status(file, followLinks: false), let place = try await target.probePlace() else {
            throw Failure(.fileUnreadable, "the file of the data disk is gone")
        }
        return try await HostProbeDirectory.with(in: place, room: .mebibytes(1)) { directory in
            let count = HostFlushCount(directory: directory.path, event: event, file: status)
            async let outcome = count.perf()
            var value: Value
            do {
                try await count.waitUntilBegun()
                value = try await body(count)
            } catch {
                // perf ends by itself as soon as it sees the file.
                try? Files.write("", to: directory.path.appending(Self.ended))
                _ = try? await outcome
                throw error
            }
            try Files.write("", to: directory.path.appending(Self.ended))
            host(&value, try await outcome)
            return value
        }
    }

    /// The trace point of the file system that holds the disk's file.
    private static func event(file: FilePath?) throws -> String {
        guard let file else { throw NotMeasured(reason: "the disk is not a file of this host", remedy: "there is none on this platform") }
        let fileSystem = try FileSystems.name(at: file)
        guard let event = events[fileSystem] else {
            throw NotMeasured(reason: "pgkvm knows no trace point of '\(fileSystem)'", remedy: "ext4 and XFS can be counted")
        }
        guard HostEnvironment.isRoot else { throw NotMeasured(reason: "only root may count on this host", remedy: "run pgkvm verify as root") }
        guard ProgramRunner.lookUp("perf") != nil else {
            throw NotMeasured(reason: "perf is not installed on this host", remedy: "apt-get install linux-perf, then verify again")
        }
        return event
    }

    private static let events = ["ext4": "ext4:ext4_sync_file_enter", "xfs": "xfs:xfs_file_fsync"]

    /// Counts from the moment the file `begun` appears until the file `ended` does, or until this program or the directory is gone.
    private func perf() async throws -> Outcome {
        let count = [
            "unshare", "--mount", "perf", "stat", "--all-cpus", "--field-separator=,", "--event=\(event)", "--filter=\(Self.filter(file))", "--", "sh", "-c",
            Self.work, "sh", Self.begun, Self.ended, "\(getpid())",
        ]
        let result = try await ProgramRunner.run(
            "sh", ["-c", Self.wrapper, "sh", Self.begun] + count, environment: ["LC_ALL": "C"], workingDirectory: directory)
        return Self.outcome(result.errorText, status: result.status, event: event)
    }

    private static let work = #": >"$1"; while [ -e "$1" ] && [ ! -e "$2" ] && [ -e "/proc/$3" ]; do sleep 0.2; done"#
    /// If perf cannot count, it ends without having begun. The wrapper keeps the caller from waiting for that.
    private static let wrapper = #"begun=$1; shift; "$@"; status=$?; : >"$begun"; exit "$status""#

    private func waitUntilBegun() async throws {
        let clock = ContinuousClock()
        _ = try await poll(every: .milliseconds(50), until: clock.now + .seconds(30), on: clock) { () -> Bool? in
            Files.exists(directory.appending(Self.begun)) ? true : nil
        }
    }

    /// The device number as the kernel stores it: 12 bits, then 20.
    static func filter(_ file: FileStatus) -> String { filter(device: file.device, inode: file.inode) }

    static func filter(device: UInt64, inode: UInt64) -> String {
        let major = (device >> 8 & 0xfff) | (device >> 32 & 0xffff_f000)
        let minor = (device & 0xff) | (device >> 12 & 0xffff_ff00)
        return "dev == \(major << 20 | minor) && ino == \(inode)"
    }

    /// Reads perf's table: value, unit, event, …
    static func outcome(_ text: String, status: Int32, event: String) -> Outcome {
        let rows = text.split(at: "\n").map { $0.split(at: ",", omittingEmptySubsequences: false) }
        if status == 0, let row = rows.first(where: { $0.count > 2 && $0[2] == event }), let count = Int(row[0]) {
            return .counted(count, how: event)
        }
        let said = text.split(at: "\n").first { !$0.isEmpty }.map(String.init) ?? "it ended with status \(status)"
        return .impossible(NotMeasured(reason: "perf cannot count \(event): \(said)", remedy: "allow perf to trace (root, a kernel with trace points)"))
    }
}
