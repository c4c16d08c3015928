internal import ApplianceModel
internal import Basics
internal import HostSystem
package import MachineBackend
package import Probes
package import SecureShell

/// A disk without storage that is attached to the guest temporarily, for a measurement.
package struct LentDisk: Sendable {
    /// The size of a disk that the platform lends: 1 GiB.
    private static let bytes: Int64 = 1 << 30

    package let serial: String
    private let shell: any RemoteShell
    private var device: String { "/dev/disk/by-id/virtio-\(serial)" }

    /// Lends the machine a disk for each serial, waits until the guest has them, runs `body`, and removes the disks in any case.
    /// - Parameter latencies: the latency that each disk adds to a request, by serial.
    /// - Throws: `unsupported` on a platform that does not lend disks, and the errors of `body`.
    package static func with<Value>(
        _ latencies: [(serial: String, latency: Duration)], backend: any MachineBackend, machine: MachineReference, shell: any RemoteShell,
        _ body: ([LentDisk]) async throws -> Value
    ) async throws -> Value {
        guard let lending = backend.capabilities.diskLending else {
            throw Failure(.unsupported, "the platform cannot lend the machine a disk")
        }
        let disks = latencies.map { LentDisk(serial: $0.serial, shell: shell) }
        do {
            for (serial, latency) in latencies { try await lending.attachNullDisk(to: machine, serial: serial, latency: latency) }
            for disk in disks { try await disk.waitUntilThere() }
            let value = try await body(disks)
            for disk in disks { try await withoutCancellation { try await disk.takeAway(lending, machine) } }
            return value
        } catch {
            for disk in disks { try? await withoutCancellation { try await disk.takeAway(lending, machine) } }
            throw error
        }
    }

    /// Runs 4 KiB writes for a while, one at a time.
    package func writes(milliseconds: Int) async throws -> LatencyHistogram {
        try await GuestFio.run(.writeDevice(device, milliseconds: milliseconds), shell).required(\.writes, "writes")
    }

    /// Runs this many 4 KiB writes, one at a time.
    package func writes(count: Int) async throws -> LatencyHistogram {
        try await GuestFio.run(.writeDevice(device, count: count), shell).required(\.writes, "writes")
    }

    private func waitUntilThere() async throws {
        try await shell.check("sudo -n sh -euc \(Self.waiting) sh \(device) \(Self.bytes)", timeout: .seconds(90))
    }

    private static let waiting = """
        n=0
        while [ ! -b "$1" ]; do
            n=$((n + 1))
            [ "$n" -le 300 ] || { echo "the disk has not come within a minute" >&2; exit 1; }
            sleep 0.2
        done
        size=$(blockdev --getsize64 "$1")
        [ "$size" = "$2" ] || { echo "$1 has $size bytes: it is not the disk that was lent" >&2; exit 1; }
        """

    /// Waits until no process has the disk open: if a disk is unplugged under a running fio, fio reports things that never happened.
    private func takeAway(_ lending: any DiskLending, _ machine: MachineReference) async throws {
        _ = try? await shell.check("sudo -n sh -c \(Self.release) sh \(device)", timeout: .seconds(90))
        try await lending.detachNullDisk(from: machine, serial: serial)
    }

    private static let release = """
        device=$(readlink -f "$1") || exit 0
        n=0
        while ls -l /proc/[0-9]*/fd 2>/dev/null | grep -q " -> $device\\$"; do
            n=$((n + 1))
            [ "$n" -le 300 ] || exit 1
            sleep 0.2
        done
        """
}
