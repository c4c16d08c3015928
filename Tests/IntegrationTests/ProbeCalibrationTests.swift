import ApplianceModel
import Deployment
import GuestImage
import HostSystem
import MachineBackend
import Probes
import QEMUBackend
import SystemPackage
import TestSupport
import Testing
import Verification

extension GuestTests {
    /// A probe that cannot find a latency that was put there finds no other either.
    @Suite("The probes' own measure", .serialized)
    struct ProbeCalibrationTests {
        private static let rounds = 20
        /// By the serial of the disk that adds them.
        private static let added: [(serial: String, latency: Duration)] = [
            ("probe-0", .zero), ("probe-5", .milliseconds(5)), ("probe-10", .milliseconds(10)), ("probe-50", .milliseconds(50)),
        ]

        @Test("A latency of 5, 10 or 50 ms that a disk adds is found again, what the way there costs subtracted", .fullRun)
        func added() async throws {
            let home = try Guests.shared().home
            let guest = Guest(home: home, name: "calibration")
            let result = try await Stage.run("deploy calibration") {
                try await home.run("deploy", guest.name, "--data-disk", "1GiB", "--memory", "1GiB", "--vcpus", "1")
            }
            try #require(result.status == 0, "\(result.errorText)")
            try await guest.removedOnFailure {
                let state = StateDirectory(path: home.path)
                let environment = ApplianceEnvironment(
                    state: state, images: ImageCache(directory: home.path.appending("images")),
                    platform: { _ in QEMUBackend(state: state, program: PGKVMHome.program.string) })
                try await Stage.run("calibration") { try await Self.calibrate(Appliance.open(guest.name, in: environment)) }
                try await home.check("delete", guest.name, "--confirm", guest.name)
            }
        }

        /// All disks are there at once, and each round asks each of them, so that a busy host is as busy for all.
        private static func calibrate(_ appliance: Appliance) async throws {
            let machine = try #require(try await appliance.machine())
            let context = appliance.context
            var medians: [[Double]] = []
            try await LentDisk.with(added, backend: context.backend, machine: machine, shell: context.guest) { disks in
                for _ in 0..<rounds {
                    var round: [Double] = []
                    for disk in disks { round.append(try #require(try await disk.writes(count: 20).median)) }
                    medians.append(round)
                }
            }
            await context.guest.close()
            for (index, entry) in added.enumerated().dropFirst() {
                let wanted = entry.latency / .milliseconds(1)
                let found = medians.map { ($0[index] - $0[0]) / 1e6 }.sorted()
                let median = (found[rounds / 2 - 1] + found[rounds / 2]) / 2
                print("-- \(entry.serial): \(wanted) ms added, \(median) ms found (\(found[0]) to \(found[rounds - 1]))")
                #expect(abs(median - wanted) <= max(wanted * 0.15, 2), "\(entry.serial): \(wanted) ms added, \(median) ms found")
            }
        }
    }
}
