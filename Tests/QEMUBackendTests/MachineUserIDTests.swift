import ApplianceModel
import Glibc
import HostSystem
import MachineBackend
import SystemPackage
import Testing

@testable import QEMUBackend

@Suite("The user id of a machine")
struct MachineUserIDTests {
    @Test("Each deployment has an id of the range, always the same, and hardly two have one")
    func preferred() {
        let deployments = (0..<2000).map { _ in DeploymentID.random() }
        let ids = deployments.map(MachineUserID.preferred)
        #expect(ids.allSatisfy(MachineUserID.range.contains))
        #expect(ids == deployments.map(MachineUserID.preferred))
        #expect(Set(ids).count > 1990)
    }

    @Test("The ends of the range are ids, and what lies beside them is none")
    func ends() {
        #expect(MachineUserID.preferred(for: DeploymentID("0123456789abcdef0123456700000000")) == 0x7000_0000)
        #expect(MachineUserID.preferred(for: DeploymentID("0123456789abcdef012345670ffffffe")) == 0x7FFF_FFFE)
        #expect(MachineUserID.preferred(for: DeploymentID("0123456789abcdef012345670fffffff")) == 0x7000_0000)
        #expect(MachineUserID.preferred(for: DeploymentID("0123456789abcdef01234567ffffffff")) <= 0x7FFF_FFFE)
        #expect(MachineUserID.range.contains(MachineUserID.preferred(for: DeploymentID("no digits"))))
    }

    @Test("One that is taken leads to the next, beyond the end to the first, and a thousand of them to none")
    func taken() {
        let last = DeploymentID("0123456789abcdef012345670ffffffe")
        #expect(MachineUserID.choose(for: last, isTaken: { _ in false }) == 0x7FFF_FFFE)
        #expect(MachineUserID.choose(for: last, isTaken: { $0 == 0x7FFF_FFFE }) == 0x7000_0000)
        #expect(MachineUserID.choose(for: last, isTaken: { $0 != 0x7000_0005 }) == 0x7000_0005)
        #expect(MachineUserID.choose(for: last, isTaken: { _ in true }) == nil)
    }

    @Test(
        "A map of ids holds the range, or does not",
        arguments: [
            ("         0          0 4294967295\n", true), ("0 100000 65536\n", false), ("", false), ("0 0 x\n", false),
            ("0 100000 65536\n1879048192 1879048192 268435455\n", true), ("1879048193 1879048193 268435454\n", false),
            ("1879048192 1879048192 268435454\n", false), ("0 0 2147483647\n", true), ("0 0 2147483646\n", false),
        ])
    func map(text: String, holds: Bool) { #expect(MachineUserID.holdsRange(text) == holds) }

    @Test("Root is an account, and an id of the range is none here")
    func accounts() {
        #expect(MachineUserID.isAccount(0))
        #expect(!MachineUserID.isAccount(0x7000_0000 + 4711))
    }

    @Test("A machine remembers its id, no other of the state directory gets it, and a record without one is read", .enabled(if: HostEnvironment.isRoot))
    func remembered() async throws {
        try await Workbench.with { bench in
            // Two deployments whose ids fall together.
            let first = try bench.spec("first") { $0.deployment = DeploymentID("aaaaaaaaaaaaaaaabbbbbbbb00001000") }
            let second = try bench.spec("second") { $0.deployment = DeploymentID("ccccccccccccccccdddddddd00001000") }
            let machines = try [await bench.backend.create(first), await bench.backend.create(second)]
            let ids = try machines.map { try bench.backend.load($0).userID }
            #expect(ids == [0x7000_1000, 0x7000_1001])
            for (name, id) in zip(["first", "second"], ids) {
                let directory = try bench.machineDirectory(name)
                for path in [directory.path, directory.file(MachineDirectory.Name.dataDisk), directory.file(MachineDirectory.Name.systemDisk)] {
                    #expect(Files.status(path)?.owner == id && Files.status(path)?.group == id, "\(path)")
                }
            }
            let old = try #require(try QEMUMachine.load(from: bench.machineDirectory("first")))
            var without = old
            without.userID = nil
            try without.save(to: bench.machineDirectory("first"))
            #expect(try bench.backend.load(machines[0]).userID == nil)
        }
    }

    @Test("A machine of the account of all is given its own user at the next start, and nothing else is given away", .enabled(if: HostEnvironment.isRoot))
    func handedOver() async throws {
        try await Workbench.with { bench in
            let account = try await QEMUUser.account()
            let machine = try await bench.backend.create(bench.spec())
            let directory = try bench.machineDirectory()
            var record = try bench.backend.load(machine)
            let id = try #require(record.userID)
            record.userID = nil
            // What a hostile QEMU might leave: a link to a file of root's, a second name of a file of another, a pipe.
            let secret = bench.directory.appending("secret")
            try Files.write("secret", to: secret)
            let neighbour = bench.directory.appending("neighbour")
            try Files.write("neighbour", to: neighbour)
            try account.own(neighbour)
            _ = try await ProgramRunner.check("ln", ["-s", secret.string, directory.file("link").string])
            _ = try await ProgramRunner.check("ln", [neighbour.string, directory.file("second-name").string])
            _ = try await ProgramRunner.check("mkfifo", [directory.file("pipe").string])
            for name in try Files.list(directory.path) where !["link", "second-name"].contains(name) { try account.own(directory.file(name)) }
            try account.own(directory.path)
            try record.save(to: directory)

            try await bench.backend.start(machine)
            #expect(try bench.backend.load(machine).userID == id)
            let files = [MachineDirectory.Name.systemDisk, MachineDirectory.Name.dataDisk, MachineDirectory.Name.firmwareVariables]
            for path in [directory.path] + files.map(directory.file) {
                #expect(Files.status(path)?.owner == id, "\(path)")
            }
            #expect(Files.status(secret)?.owner == 0)
            #expect(Files.status(neighbour)?.owner == account.ids?.user)
        }
    }
}
