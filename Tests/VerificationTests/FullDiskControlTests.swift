import ApplianceModel
import Basics
import HostSystem
import MachineBackend
import Reports
import SecureShell
import SystemPackage
import TestSupport
import Testing

@testable import Verification

/// The guest's own script, on a real file system in a mount namespace of its own.
@Suite(
    "A full disk, twenty times",
    .enabled("needs root, and /var/lib/postgresql to mount on") { await SmallFileSystem.isPossible && Files.isDirectory("/var/lib/postgresql") })
struct FullDiskControlTests {
    /// Mounts a disk of 64 MiB where the data lies, fills it, and runs the script of standard input. Without package lists apt is not asked.
    private struct Shell: RemoteShell {
        let isFull: Bool

        func run(_ command: ShellCommand, input: [UInt8], timeout: Duration) async throws -> ShellResult {
            let script = #"""
                mount -t tmpfs -o size=64m none /var/lib/postgresql
                [ ! -d /var/lib/apt/lists ] || mount -t tmpfs none /var/lib/apt/lists
                head -c "$1" /dev/zero >/var/lib/postgresql/data
                exec sh
                """#
            let result = try await ProgramRunner.run("unshare", ["--mount", "sh", "-euc", script, "sh", isFull ? "60M" : "20M"], input: input)
            return ShellResult(status: result.status, standardOutput: result.standardOutput, standardError: result.standardError)
        }

        func upload(_ bytes: [UInt8], to path: String, mode: UInt16) async throws { throw Failure(.unsupported, "upload") }
        func download(_ path: String, limit: Int) async throws -> [UInt8] { throw Failure(.unsupported, "download") }
    }

    @Test("A full data disk is never missed, and one with room never accused")
    func full() async throws {
        let outcome = try await LieDetection.alternate { isLie, _ in
            let target = VerificationTarget(
                spec: ApplianceSpec(name: try #require(ApplianceName("orders"))), accelerator: .kvm, postgresqlVersion: 17, shell: Shell(isFull: isLie),
                backend: FakeBackend(), machine: MachineReference(backend: .qemu, deployment: .random(), identifier: "orders"),
                connect: { throw Failure(.unsupported, "") }, parameters: { throw Failure(.unsupported, "") }, restart: {}, settings: [:],
                certificateDaysLeft: nil, measurementLock: "/nonexistent/measurement.lock")
            let (findings, _) = try await Verifier.run(target, VerificationOptions(depth: .quick, groups: [.disk])) { _ in }
            return findings.first { $0.check == "disk.data-usage" }
        }
        #expect(outcome == .perfect)
    }
}
