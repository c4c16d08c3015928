import ApplianceModel
import Deployment
import Foundation
import HostSystem
import MachineBackend
import SystemPackage
import TestSupport
import Testing

@testable import QEMUBackend

extension GuestTests {
    /// The control of the drivers' checks: one guest, booted on the devices of its machine and on emulated ones.
    @Suite("Emulated devices", .serialized)
    struct EmulatedDevicesTests {
        private static let checks = ["disk.driver", "disk.system-driver", "network.driver"]

        @Test("A guest on SATA disks and an emulated network card fails by the name of each driver, and on VirtIO it passes", .fullRun)
        func emulated() async throws {
            let home = try Guests.shared().home
            let guest = Guest(home: home, name: "emulated")
            let result = try await Stage.run("deploy emulated") {
                try await home.run("deploy", guest.name, "--data-disk", "1GiB", "--memory", "1GiB")
            }
            try #require(result.status == 0, "\(result.errorText)")
            try await guest.removedOnFailure {
                #expect(try await drivers(guest) == Self.checks.map { "\($0) pass \($0 == "network.driver" ? "virtio_net" : "virtio_blk")" })
                // Debian's cloud kernel has these drivers, and its first file system lacks them.
                try await Stage.run("drivers for the first file system") {
                    try await guest.root("echo ahci >>/etc/initramfs-tools/modules; update-initramfs -u >&2")
                }
                try await home.check("stop", guest.name)
                try await Stage.run("boot on emulated devices") {
                    try await guest.startReplaced(EmulatedDevices.arguments)
                    try await home.check("start", guest.name)
                }
                #expect(
                    try await drivers(guest) == ["disk.driver fail sd on ahci", "disk.system-driver fail sd on ahci", "network.driver fail vmxnet3"])

                try await home.check("stop", guest.name)
                try await Stage.run("boot on the machine's own devices") { try await home.check("start", guest.name) }
                try await guest.verify().expectPassed()
                try await home.check("delete", guest.name, "--confirm", guest.name)
            }
            try await guest.expectGone()
        }

        /// What `verify` says of them.
        private func drivers(_ guest: Guest) async throws -> [String] {
            let findings = try await guest.verify()
            return Self.checks.map { check in
                findings.first { $0.check == check }.map { "\(check) \($0.level.rawValue) \($0.measured)" } ?? "\(check) is missing"
            }
        }
    }
}

/// A machine's arguments with each of its devices replaced by one that is emulated.
private enum EmulatedDevices {
    /// The processor's end of the disks is what differs: their files, and what QEMU does with them, stay.
    static func arguments(_ arguments: [String]) throws -> [String] {
        let replaced: [(kind: String, added: [String], device: (String) -> String)] = [
            (
                "virtio-blk-pci,drive=system,", ["-device", "ich9-ahci,id=sata"],
                { "ide-hd,bus=sata.0,\(properties($0, ["drive", "id", "serial", "bootindex"]))" }
            ),
            ("virtio-blk-pci,drive=data,", [], { "ide-hd,bus=sata.1,\(properties($0, ["drive", "id", "serial"]))" }),
            ("virtio-net-pci,", [], { "vmxnet3,\(properties($0, ["netdev", "id", "mac", "romfile"]))" }),
        ]
        var result = arguments
        for (kind, added, device) in replaced {
            let index = try #require(result.firstIndex { $0.hasPrefix(kind) }, "the machine has no '\(kind)'")
            result[index] = device(result[index])
            result.insert(contentsOf: added, at: index - 1)
        }
        return result
    }

    private static func properties(_ device: String, _ names: Set<String>) -> String {
        device.split(separator: ",").filter { names.contains(String($0.prefix { $0 != "=" })) }.joined(separator: ",")
    }
}

extension Guest {
    /// Starts the machine's process as the backend does, with other arguments.
    fileprivate func startReplaced(_ change: ([String]) throws -> [String]) async throws {
        let directory = MachineDirectory(path: machine)
        let record = try #require(try QEMUMachine.load(from: directory))
        let backend = QEMUBackend(state: StateDirectory(path: home.path), program: PGKVMHome.program.string)
        let command = try backend.command(of: record, abilities: try await .probe(), user: .chosen(.of(record)), changing: change)
        let ended = try await SessionSupervisor().start(command, for: record.spec.name, in: directory)
        let clock = ContinuousClock()
        let isUp = try await poll(every: .milliseconds(50), until: clock.now + .seconds(60), on: clock) { () -> Bool? in
            if await ended() != nil { return false }
            return try await QMPClient.connect(directory.file(MachineDirectory.Name.monitorSocket)) != nil ? true : nil
        }
        #expect(isUp == true, "\((try? Files.readText(directory.record(MachineDirectory.Record.processLog))) ?? "")")
    }
}
