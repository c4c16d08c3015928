import ApplianceModel
import Basics
import FoundationEssentials
import Glibc
import HostSystem
import MachineBackend
import SpecFile
import SystemPackage
import TestSupport
import Testing
import Workflow

@testable import Deployment
@testable import QEMUBackend

/// One appliance whose QEMU, or whose guest, was taken over, beside another one: what the program does about both.
@Suite("A hostile appliance beside another", .serialized, .timeLimit(.minutes(40)))
struct HostileApplianceTests {
    /// The files of an appliance that was deployed, as far as a command without a guest reads them.
    private static func make(_ name: String, in home: PGKVMHome) async throws -> ApplianceDirectory {
        let valid = try #require(ApplianceName(name))
        let directory = ApplianceDirectory(path: home.appliance(name))
        var spec = ApplianceSpec(name: valid)
        spec.network.mode = .bridge
        spec.network.device = "br-of-none"
        for path in [directory.path, directory.machine().path] { try Files.createDirectory(path) }
        try Files.write(SpecFile.render(spec), to: directory.spec)
        let deployment = DeploymentID.random()
        let cpu = CPUDecision(accelerator: .tcg, vcpus: 1, memory: .gibibytes(1))
        let network = NetworkDecision(mode: .bridge, macAddress: deployment.macAddress, sshPort: 22, postgresqlPort: 5432, device: "br-of-none")
        let journal = try Journal(storage: FileJournalStorage(directory))
        try await journal.record(DeploymentFact(id: deployment))
        try QEMUMachine(
            spec: MachineSpec(
                deployment: deployment, name: valid, cpu: cpu,
                disk: DiskDecision(cacheDirect: true, aio: .threads, ioThread: false, fileSystem: "ext4"), network: network,
                image: BaseImage(path: "/nonexistent", key: "none", format: .qcow2, firmware: .uefi), systemDisk: .init(), dataDiskSize: .gibibytes(1),
                adoptedDataDisk: nil), isComplete: true
        ).save(to: directory.machine())
        try await journal.record(CPUFact(decision: cpu))
        try await journal.record(NetworkFact(decision: network))
        try await journal.record(MachineFact(reference: MachineReference(backend: .qemu, deployment: deployment, identifier: name)))
        try await journal.record(PackagesFact(version: 17))
        try await journal.record(ConfigurationFact(digest: "", certificateEnd: 4_000_000_000, place: nil))
        return directory
    }

    private static func withBoth(_ body: (PGKVMHome, ApplianceDirectory) async throws -> Void) async throws {
        try await PGKVMHome.with { home in
            _ = try await make("honest", in: home)
            try await body(home, make("hostile", in: home))
        }
    }

    /// Each command ends, and says what it has to say of the other.
    private static func expectAnswers(_ home: PGKVMHome, delete: Bool = true) async throws {
        let list = try await home.run("list")
        #expect(list.status == 0 && list.outputText.contains("honest") && list.outputText.contains("hostile"), "\(list.errorText)")
        let top = try await home.run("top", "--once", "--interval", "0.5")
        #expect(top.status == 0 && top.outputText.contains("honest") && top.outputText.contains("hostile"), "\(top.errorText)")
        let honest = try await home.run("status", "honest")
        #expect(honest.status == 0, "\(honest.errorText)")
        for result in [list, top, honest, try await home.run("status", "hostile"), try await home.run("connection", "hostile")] {
            #expect(!(result.standardOutput + Array(result.errorText.utf8)).contains(0x1b))
        }
        guard delete else { return }
        let deleted = try await home.run("delete", "hostile", "--confirm", "hostile")
        #expect(deleted.status == 0, "\(deleted.errorText)")
        #expect(try Files.list(home.path).filter { !$0.hasPrefix(".") } == ["honest"])
    }

    @Test(
        "A monitor that floods, never ends its line, dribbles or is silent holds up no command",
        arguments: ["events", "line", "dribble", "silence", "greeted-events", "coloured"])
    func monitor(behaviour: String) async throws {
        try await Self.withBoth { home, hostile in
            try await HostileSocket.with(behaviour, at: hostile.machine().file(MachineDirectory.Name.monitorSocket)) { try await Self.expectAnswers(home) }
        }
    }

    @Test("A guest's agent that floods, never ends its line, dribbles or is silent holds up no command", arguments: ["events", "line", "dribble", "silence"])
    func agent(behaviour: String) async throws {
        try await Self.withBoth { home, hostile in
            try await HostileSocket.with(behaviour, at: hostile.machine().file(MachineDirectory.Name.agentSocket)) { try await Self.expectAnswers(home) }
        }
    }

    @Test("A record, a pid file or a log that is a pipe, a link or endless holds up no command", arguments: ["pipe", "/dev/zero", "/etc/shadow"])
    func files(target: String) async throws {
        try await Self.withBoth { home, hostile in
            let machine = hostile.machine()
            // As an older version left it, so that QEMU could write all of it.
            try Files.remove(machine.records)
            for name in [MachineDirectory.Record.machine, MachineDirectory.Record.serialLog, MachineDirectory.Record.processLog] {
                let path = machine.file(name).string
                try #require((target == "pipe" ? mkfifo(path, 0o600) : symlink(target, path)) == 0)
            }
            try await Self.expectAnswers(home, delete: false)
            let status = try await home.run("status", "hostile")
            #expect(status.status != 0 && status.errorText.contains("'\(machine.file(MachineDirectory.Record.machine))' is not a regular file"))
            let deleted = try await home.run("delete", "hostile", "--confirm", "hostile")
            #expect(deleted.status != 0 && deleted.errorText.contains("'\(machine.file(MachineDirectory.Record.machine))' is not a regular file"))
            // What only root may read is in nothing that is printed, and in nothing that is sent away.
            let secret = try Files.readText("/etc/shadow").split(separator: "\n").first.map(String.init) ?? "none"
            for arguments in [["logs", "hostile", "--serial"], ["logs", "hostile", "--qemu"]] {
                let result = try await home.run(arguments)
                #expect(!result.outputText.contains(secret) && !result.errorText.contains(secret))
            }
            let archive = home.path.appending("hostile.tar.gz")
            let diagnosis = try await home.run("diagnose", "hostile", "--output", archive.string)
            #expect(diagnosis.status == 0, "\(diagnosis.errorText)")
            let all = try await ProgramRunner.check("tar", ["--extract", "--gzip", "--to-stdout", "--file", archive.string]).outputText
            #expect(!all.contains(secret))
            #expect(all.contains("machine.json: "))
            // As the remedy has it: what was put there is taken away by hand, and the appliance can be deleted.
            try Files.remove(machine.file(MachineDirectory.Record.machine))
        }
    }
}
