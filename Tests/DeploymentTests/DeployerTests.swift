import ApplianceModel
import Basics
import HostSystem
import MachineBackend
import SpecFile
import Synchronization
import SystemPackage
import TestSupport
import Testing
import Workflow

@testable import Deployment

@Suite("Deployer")
struct DeployerTests {
    @Test("When the first step fails, directory, spec and journal stay, and the next run has the same identity")
    func firstStep() async throws {
        try await Scratch.with { scratch in
            scratch.backend.fail("checkHost", with: Failure(.unsupported, "no virtualization", remedy: "buy another"))
            let (appliance, outcome) = try await scratch.deploy(scratch.spec())
            #expect(outcome.failure?.step == "check-host")
            #expect(outcome.failure?.error?.message == "no virtualization")
            #expect(scratch.backend.calls == ["checkHost"])
            let directory = appliance.directory
            #expect(Files.status(directory.path)?.permissions == 0o700)
            #expect(try SpecFile.parse(Files.read(directory.spec), file: "x") == scratch.spec())
            let id = try #require(try await appliance.context.journal.fact(DeploymentFact.self)).id
            #expect(try Files.list(directory.evidence).count == 1)

            let (again, _) = try await scratch.deploy(scratch.spec())
            #expect(try await again.context.journal.fact(DeploymentFact.self)?.id == id)
        }
    }

    @Test("When the first step fails and is to be undone, nothing stays")
    func reverted() async throws {
        try await Scratch.with { scratch in
            scratch.backend.fail("checkHost", with: Failure(.unsupported, "no such luck"))
            let (_, outcome) = try await scratch.deploy(scratch.spec(), onError: .revert)
            #expect(outcome.reverted)
            #expect(try Files.list(scratch.state.path) == [])
        }
    }

    @Test("A failure after the machine was made and undoing it leaves neither machine nor directory")
    func revertedMachine() async throws {
        try await Scratch.with { scratch in
            try scratch.addImage()
            scratch.backend.fail("start", with: Failure(.unsupported, "it will not start"))
            let (_, outcome) = try await scratch.deploy(scratch.spec(), onError: .revert)
            #expect(outcome.failure?.step == "boot-guest")
            #expect(outcome.reverted)
            #expect(scratch.backend.calls.contains("delete"))
            #expect(try Files.list(scratch.state.path) == [])
        }
    }

    @Test("As long as there is no machine another spec replaces the first, and the decisions that followed from it")
    func replaced() async throws {
        try await Scratch.with { scratch in
            let (first, outcome) = try await scratch.deploy(scratch.spec())
            #expect(outcome.failure?.error?.code == .imageMissing)
            #expect(try await first.context.journal.fact(HostFact.self) != nil)
            let id = try await first.context.journal.fact(DeploymentFact.self)?.id

            scratch.backend.fail("checkHost", with: Failure(.unsupported, "no such luck"))
            var spec = try scratch.spec()
            spec.machine.vcpus = 7
            let (second, _) = try await scratch.deploy(spec)
            #expect(second.context.spec == spec)
            #expect(try SpecFile.parse(Files.read(second.directory.spec), file: "x") == spec)
            #expect(try await second.context.journal.fact(HostFact.self) == nil)
            #expect(try await second.context.journal.fact(DeploymentFact.self)?.id != id)
        }
    }

    @Test("Once there is a machine a change that cannot be made is refused with every difference, and nothing changes")
    func differs() async throws {
        try await Scratch.with { scratch in
            let appliance = try await scratch.withMachine()
            let before = (try Files.read(appliance.directory.spec), try Files.read(appliance.directory.journal))
            var spec = try scratch.spec()
            spec.dataDisk.size = .gibibytes(2)
            spec.postgresql.settings["work_mem"] = "8MB"
            let error = await #expect(throws: Failure.self) { _ = try await scratch.deploy(spec) }
            #expect(error?.code == .applianceDiffers)
            #expect(error?.message.contains("data.size: 10GiB → 2GiB: cannot change (a smaller disk would cut off data") == true)
            #expect(
                error?.message.contains("postgresql.settings.work_mem: none → 8MB: in place") == true || error?.message.contains("\"8MB\": in place") == true)
            #expect(error?.message.contains("vcpus") == false)
            #expect(try Files.read(appliance.directory.spec) == before.0)
            #expect(try Files.read(appliance.directory.journal) == before.1)
        }
    }

    @Test("What is made in place is stored, and the deployment goes on where it stood")
    func inPlace() async throws {
        try await Scratch.with { scratch in
            let appliance = try await scratch.withMachine()
            var spec = try scratch.spec()
            spec.postgresql.settings["work_mem"] = "8MB"
            spec.postgresql.roles.append(.init(name: "reader", memberOf: ["pg_read_all_data"]))
            let (_, outcome) = try await scratch.deploy(spec)
            #expect(try SpecFile.parse(Files.read(appliance.directory.spec), file: "x") == spec)
            #expect(outcome.failure?.step == "boot-guest")
            #expect(scratch.backend.calls.filter { $0 == "create" }.count == 1)
            #expect(!scratch.backend.calls.contains("setProcessor"))
        }
    }

    @Test("A later run tells the platform where the former one decided to put the machine, before it looks at the host")
    func keptPlace() async throws {
        try await Scratch.with { scratch in
            try scratch.addImage()
            scratch.backend.place.withLock { $0 = MachinePlace(node: "pve2", storage: "a", imageStorage: "b", mediaStorage: "c") }
            scratch.backend.fail("create", with: Failure(.unsupported, "no such luck"))
            _ = try await scratch.deploy(scratch.spec())
            #expect(scratch.backend.toldPlaces.withLock { $0 } == [nil])
            scratch.backend.fail("create", with: nil)
            scratch.backend.fail("start", with: Failure(.unsupported, "it will not start"))
            _ = try await scratch.deploy(scratch.spec())
            #expect(scratch.backend.toldPlaces.withLock { $0.last??.node } == "pve2")
            #expect(scratch.backend.specs.withLock { $0["db"]?.disk.place?.node } == "pve2")
        }
    }

    @Test("A place for which no disks were decided binds no later run, and the disks are decided for the place of the same run")
    func freePlace() async throws {
        try await Scratch.with { scratch in
            try scratch.addImage()
            scratch.backend.place.withLock { $0 = MachinePlace(node: "pve2", storage: "a", imageStorage: "b", mediaStorage: "c") }
            scratch.backend.fail("decideDisks", with: Failure(.unsupported, "no such luck"))
            _ = try await scratch.deploy(scratch.spec())
            _ = try await scratch.deploy(scratch.spec())
            #expect(scratch.backend.toldPlaces.withLock { $0 } == [nil, nil])
            #expect(scratch.backend.diskPlaces.withLock { $0.map { $0?.node } } == ["pve2", "pve2"])
        }
    }

    @Test("A platform that does not answer for a moment does not end the wait for a guest")
    func silentPlatform() async throws {
        try await Scratch.with { scratch in
            let appliance = try await scratch.withMachine()
            let backend = scratch.backend
            backend.set(.running, of: "db")
            backend.fail("powerState", with: Failure(.timedOut, "no answer"))
            let before = backend.calls.count { $0 == "powerState" }
            let wait = GuestWait(context: appliance.context, machine: try #require(try await appliance.machine()))
            let clock = ContinuousClock()
            let isDone: Bool? = try await wait.watching {
                try await poll(every: .milliseconds(10), until: clock.now + .seconds(300), on: clock) {
                    let looks = backend.calls.count { $0 == "powerState" } - before
                    if looks >= 2 { backend.fail("powerState", with: nil) }
                    return looks >= 3 ? true : nil
                }
            }
            #expect(isDone == true)
        }
    }

    @Test("A disk that the host has no space for is refused before the spec that asks for it is stored")
    func growsBeyondSpace() async throws {
        try await Scratch.with { scratch in
            let appliance = try await scratch.withMachine()
            let before = try Files.read(appliance.directory.spec)
            var spec = try scratch.spec()
            spec.dataDisk.size = .gibibytes(16 * 1024)
            let error = await #expect(throws: Failure.self) { _ = try await scratch.deploy(spec) }
            #expect(error?.code == .diskFull)
            #expect(try Files.read(appliance.directory.spec) == before)
        }
    }

    @Test("A growth that was begun is a step of every run until its end is recorded")
    func growthResumes() async throws {
        try await Scratch.with { scratch in
            let appliance = try await scratch.withMachine()
            func hasStep(_ context: DeploymentContext) async throws -> Bool {
                try await Deployer.steps(for: context).contains { $0.id == GrowDataDiskStep().id }
            }
            #expect(try await !hasStep(appliance.context))
            var spec = try scratch.spec()
            spec.dataDisk.size = .gibibytes(11)
            let (grown, outcome) = try await scratch.deploy(spec)
            #expect(outcome.failure?.step == "boot-guest")
            #expect(try await hasStep(grown.context))
            // The host's part is done, the guest's is not.
            try await scratch.backend.growDataDisk(to: spec.dataDisk.size, of: #require(try await grown.machine()))
            #expect(try await !hasStep(grown.context))
            try await grown.context.journal.record(DataDiskGrowthFact(size: spec.dataDisk.size, isComplete: false))
            #expect(try await hasStep(grown.context))
            try await grown.context.journal.record(DataDiskGrowthFact(size: spec.dataDisk.size, isComplete: true))
            #expect(try await !hasStep(grown.context))
        }
    }

    @Test("Other limits alone are no other appliance: they are stored, and the deployment goes on where it stood")
    func limits() async throws {
        try await Scratch.with { scratch in
            let appliance = try await scratch.withMachine()
            let journal = try Files.read(appliance.directory.journal)
            var spec = try scratch.spec()
            spec.verification.limits = ["disk.write-latency.p99": "5ms"]
            let (again, outcome) = try await scratch.deploy(spec)
            #expect(again.context.spec == spec)
            #expect(try SpecFile.parse(Files.read(again.directory.spec), file: "x") == spec)
            #expect(outcome.performed.isEmpty)
            #expect(scratch.backend.calls.filter { $0 == "create" }.count == 1)
            #expect(try Files.read(appliance.directory.journal).starts(with: journal))

            spec.verification.limits = [:]
            spec.machine.image = .release(.debian12)
            let error = await #expect(throws: Failure.self) { _ = try await scratch.deploy(spec) }
            #expect(error?.message.contains("machine.image") == true)
            #expect(error?.message.contains("limits.disk.write-latency.p99: 5ms → none") == true)
        }
    }

    @Test("A machine that a killed run made and did not record counts as one")
    func unrecorded() async throws {
        try await Scratch.with { scratch in
            let appliance = try await scratch.withMachine()
            try await appliance.exclusively { try await $0.context.journal.forget(MachineFact.self) }
            var spec = try scratch.spec()
            spec.machine.image = .release(.debian12)
            let error = await #expect(throws: Failure.self) { _ = try await scratch.deploy(spec) }
            #expect(error?.code == .applianceDiffers)
        }
    }

    @Test("The same spec goes on where the last run stood")
    func resumes() async throws {
        try await Scratch.with { scratch in
            _ = try await scratch.withMachine()
            let (_, outcome) = try await scratch.deploy(scratch.spec())
            #expect(outcome.failure?.step == "boot-guest")
            #expect(outcome.performed.isEmpty)
            #expect(scratch.backend.calls.filter { $0 == "create" }.count == 1)
            #expect(scratch.backend.calls.filter { $0 == "checkHost" }.count == 1)
        }
    }

    @Test("The keys are in the appliance's directory, the private one for its owner only, and a host key is pinned before the first start")
    func keys() async throws {
        try await Scratch.with { scratch in
            let directory = try await scratch.withMachine().directory
            #expect(Files.status(directory.sshKey)?.permissions == 0o600)
            #expect(try Files.readText(directory.sshPublicKey).hasPrefix("ssh-ed25519 "))
            #expect(try PinnedKeys.read(directory).count == 1)
            #expect(try Files.list(directory.path).filter { $0.contains("seed") || $0.contains("tmp") } == [])
        }
    }

    @Test("A disk with another version of PostgreSQL is not adopted; one that fits gives its size")
    func adopts() async throws {
        try await Scratch.with { scratch in
            try KeptData(appliance: "old", postgresqlVersion: 15, fileSystemUUID: "1", size: .gibibytes(3)).save(to: scratch.path)
            scratch.backend.fail("checkHost", with: Failure(.unsupported, "no such luck"))
            var spec = try scratch.spec()
            spec.dataDisk.adopt = scratch.path.string
            spec.postgresql.version = 17
            let error = await #expect(throws: Failure.self) { _ = try await scratch.deploy(spec) }
            #expect(error?.code == .dataNotKept)
            #expect(error?.message.contains("PostgreSQL 15") == true)
            spec.postgresql.version = 15
            #expect(try await scratch.deploy(spec).0.context.spec.dataDisk.size == .gibibytes(3))
            #expect(try await scratch.deploy(spec).0.context.spec.dataDisk.size == .gibibytes(3))
        }
    }
}
