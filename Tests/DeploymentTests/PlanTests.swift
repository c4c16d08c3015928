import ApplianceModel
import Basics
import BuiltinTemplates
import FoundationEssentials
import HostSystem
import MachineBackend
import Synchronization
import SystemPackage
import TestSupport
import Testing
import Workflow

@testable import Deployment

@Suite("The plan of a deployment")
struct PlanTests {
    /// Every path below a directory with its kind, size and time of change: what any trace would alter.
    private static func listing(_ directory: FilePath) throws -> [String] {
        guard Files.exists(directory) else { return ["nothing"] }
        return try Files.list(directory).flatMap { name -> [String] in
            let path = directory.appending(name)
            let own = try FileManager.default.attributesOfItem(atPath: path.string)
            let line = "\(path) \(own[.modificationDate] ?? "") \(own[.size] ?? "") \(own[.systemFileNumber] ?? "")"
            return try [line] + (Files.isDirectory(path) ? listing(path) : [])
        }
    }

    private func plan(_ scratch: Scratch, _ spec: ApplianceSpec, asksGuest: Bool = true) async throws -> DeploymentPlan {
        let before = try Self.listing(scratch.path)
        let plan = try await Planner(scratch.environment).plan(spec, asksGuest: asksGuest)
        #expect(try Self.listing(scratch.path) == before)
        return plan
    }

    private func orders() throws -> ApplianceSpec {
        var spec = ApplianceSpec(name: try #require(ApplianceName("orders")))
        spec.postgresql.settings = ["work_mem": "32MB"]
        spec.postgresql.databases = [.init(name: "shop", owner: "app", extensions: ["pg_trgm"])]
        return spec
    }

    @Test("Of a new appliance every step is pending, nothing is made, and no guest is asked")
    func new() async throws {
        try await Scratch.with { scratch in
            let plan = try await plan(scratch, orders())
            #expect(plan.deployment == .new)
            #expect(plan.steps.map(\.id) == Deployer.steps.map(\.id.rawValue))
            #expect(plan.steps.allSatisfy { $0.status == .pending })
            #expect(plan.changes.isEmpty)
            #expect(plan.refusals.isEmpty)
            #expect(plan.packages.postgresqlVersion == 17)
            #expect(Set(scratch.backend.calls) == ["forecast", "recipe"])
            #expect(!Files.exists(scratch.state.path))
        }
    }

    @Test("An offline plan asks the offline platform only; of a machine there it says that nobody was asked")
    func offline() async throws {
        try await Scratch.with { scratch in
            _ = try await scratch.withMachine()
            let server = FakeServer(base: scratch.backend)
            let environment = ApplianceEnvironment(state: scratch.state, images: scratch.environment.images, platform: { _ in server })
            let before = scratch.backend.calls.count
            let plan = try await Planner(environment, isOffline: true).plan(scratch.spec())
            #expect(plan.state == "unknown")
            #expect(plan.command.isEmpty)
            #expect(plan.findings.contains { $0.check == "fake.server" && $0.level == .skip })
            #expect(plan.steps.first { $0.id == "create-machine" }?.status == .unknown)
            #expect(scratch.backend.calls.count == before)
            #expect(try await Planner(environment).plan(scratch.spec()).state == "off")
        }
    }

    @Test("Every script for the guest is in the program, and those of a deployment are in its plan")
    func scripts() async throws {
        for script in GuestScript.allCases { #expect(BuiltinTemplates.text("guest/\(script.rawValue).sh") != nil, "\(script)") }
        try await Scratch.with { scratch in
            let scripts = try await plan(scratch, orders()).files.filter { $0.kind == .script }
            #expect(
                scripts.map(\.target) == [
                    "prepare-data-disk.sh", "install-postgresql.sh", "initialize-cluster.sh", "register-cluster.sh", "settle-clock.sh", "start-cluster.sh",
                    "setup.sql",
                    "introduce-cluster.sh",
                ])
        }
    }

    @Test("A guest that others reach has a packet filter with this host and the spec's networks, which stand in pg_hba.conf too")
    func bridged() async throws {
        try await Scratch.with { scratch in
            var spec = try orders()
            spec.network.mode = .bridge
            spec.network.device = "br0"
            spec.network.address = try #require(.init("127.9.9.20/24"))
            spec.postgresql.allowFrom = [try #require(IPv4Network("10.0.0.0/8"))]
            let files = try await plan(scratch, spec).files
            let filter = try #require(files.first { $0.target == "/etc/nftables.conf" })
            // By the loopback interface this host is its own way to the address.
            let rules = filter.content.split(separator: "\n").filter { $0.contains("dport 5432") }.map { $0.drop { $0 == " " } }
            #expect(rules == ["ip saddr 127.0.0.1 tcp dport 5432 accept", "ip saddr 10.0.0.0/8 tcp dport 5432 accept"])
            #expect(filter.content.contains("policy drop"))
            let access = try #require(files.first { $0.target.hasSuffix("/pg_hba.conf") }).content
            #expect(access.contains("hostssl  all       all       127.0.0.1/32        scram-sha-256"))
            #expect(access.contains("hostssl  all       all       10.0.0.0/8          scram-sha-256"))
            #expect(!access.contains("10.0.2.2"))
            #expect(files.contains { $0.target == "filter-packets.sh" })
        }
    }

    @Test("The text of a plan is as committed, and so are the rendered files")
    func golden() async throws {
        try await Scratch.with { scratch in
            try Golden.expect(PlanText.render(try await plan(scratch, orders())) + "\n", "Deployment/plan-new.txt")
        }
    }

    @Test("Where a secret will be stands a placeholder that says so")
    func secrets() async throws {
        try await Scratch.with { scratch in
            let files = try await plan(scratch, orders()).files
            func text(_ path: String) throws -> String { try #require(files.first { $0.relativePath == path }, "\(path)").content }
            #expect(try text("seed/user-data").contains("<private key of the host, made at the deployment for the first contact and never shown>"))
            #expect(try text("seed/user-data").contains("<public key of the user, made at the deployment>"))
            #expect(try text("guest/etc/postgresql/17/main/server.key").contains("never shown"))
            #expect(try text("scripts/setup.sql").contains("ALTER ROLE \"app\" PASSWORD '<SCRAM verifier, made at the deployment"))
            #expect(!files.contains { $0.content.contains("BEGIN ") && $0.content.contains("PRIVATE KEY-----") || $0.content.contains("SCRAM-SHA-256$") })
        }
    }

    @Test("What the host refuses is in the plan, and so is a port that is taken")
    func refused() async throws {
        try await Scratch.with { scratch in
            scratch.backend.forecast.withLock {
                $0 = HostForecast(
                    accelerator: nil, findings: [Finding(check: "host.usable", level: .fail, measured: "no KVM", expected: "KVM")], resources: [], disk: nil,
                    ports: [PlannedPort(service: .ssh, address: "127.0.0.1", port: 2222, state: .taken)])
            }
            let plan = try await plan(scratch, orders())
            #expect(plan.refusals == ["no KVM", "port 2222 on 127.0.0.1, asked for ssh, is in use"])
            #expect(plan.command.isEmpty)
            #expect(PlanText.render(plan).contains("it would be refused:\n  no KVM"))
        }
    }

    @Test("Settings that the machine does not carry are in the plan: what cannot be as a refusal, what may be too much as a warning")
    func sizes() async throws {
        try await Scratch.with { scratch in
            var spec = try orders()
            spec.postgresql.settings = ["wal_keep_size": "50GB"]
            let warned = try await plan(scratch, spec)
            #expect(warned.refusals.isEmpty)
            #expect(warned.findings.filter { $0.check == "postgresql.sizes" }.map(\.level) == [.warn])
            #expect(PlanText.render(warned).contains("wal_keep_size 50GB and max_wal_size"))
            spec.postgresql.settings = ["shared_buffers": "64GB"]
            let refused = try await plan(scratch, spec)
            #expect(refused.refusals.count == 1)
            #expect(refused.refusals.first?.hasPrefix("with shared_buffers 64GB the server reserves") == true)
        }
    }

    @Test("Without a machine another spec replaces the first; with one each difference is judged")
    func changes() async throws {
        try await Scratch.with { scratch in
            try await scratch.half()
            var spec = try scratch.spec()
            spec.machine.image = .release(.debian12)
            let replaced = try await plan(scratch, spec)
            #expect(replaced.deployment == .incomplete)
            #expect(replaced.changes.map(\.effect) == [.replaced])
            #expect(replaced.refusals.isEmpty)
        }
        try await Scratch.with { scratch in
            _ = try await scratch.withMachine()
            var spec = try scratch.spec()
            spec.postgresql.version = 17
            #expect(try await plan(scratch, spec).refusals.count == 1)

            spec = try scratch.spec()
            spec.machine.memory = .gibibytes(4)
            spec.postgresql.settings = ["work_mem": "8MB"]
            let plan = try await plan(scratch, spec)
            #expect(plan.changes.map(\.effect) == [.restart, .inPlace])
            #expect(plan.command.contains("4GiB"))
            #expect(plan.refusals.isEmpty)
            let status = Dictionary(uniqueKeysWithValues: plan.steps.map { ($0.id, $0.status) })
            #expect(status["create-machine"] == .done)
            #expect(status["configure-cpu"] == .pending)
            #expect(status["resize-machine"] == .pending)
            #expect(status["boot-guest"] == .pending)

            scratch.backend.fail("checkProcessor", with: Failure(.unsupported, "the node has 8 processors"))
            #expect(try await self.plan(scratch, spec).refusals == ["the node has 8 processors"])
        }
    }

    @Test("A plan of the same spec on what is there shows no difference")
    func same() async throws {
        try await Scratch.with { scratch in
            _ = try await scratch.withMachine()
            let plan = try await plan(scratch, scratch.spec())
            #expect(plan.changes.isEmpty)
            #expect(plan.deployment == .incomplete)
            #expect(plan.steps.filter { $0.status == .done }.map(\.id).contains("configure-network"))
        }
    }

    @Test("A setting that the server reads only when it starts needs its restart, and no other")
    func serverRestart() throws {
        let known = try orders()
        var wanted = known
        wanted.postgresql.settings = ["work_mem": "64MB", "max_connections": "300"]
        for restart in [SpecChanges.Restart.waiting(["max_connections"]), .catalogue(["max_connections", "shared_buffers"])] {
            let changes = SpecChanges(from: known, to: wanted, version: 17, restart: restart).changes
            #expect(changes.map(\.path) == ["postgresql.settings.work_mem", "postgresql.settings.max_connections"])
            #expect(changes.map(\.effect) == [.inPlace, .serverRestart])
            #expect(changes.last?.reason?.contains("max_connections") == true)
        }
    }

    @Test("A plan is written as JSON and reads back the same")
    func json() async throws {
        try await Scratch.with { scratch in
            let encoder = JSONEncoder()
            encoder.outputFormatting = .sortedKeys
            let bytes = try encoder.encode(try await plan(scratch, orders()))
            #expect(try encoder.encode(JSONDecoder().decode(DeploymentPlan.self, from: bytes)) == bytes)
        }
    }

    @Test("A word that a shell would take apart is quoted", arguments: [("a", "a"), ("", "''"), ("a b", "'a b'"), ("it's", #"'it'\''s'"#), ("<x>", "'<x>'")])
    func quoted(word: String, expected: String) {
        #expect(PlanText.quoted(word) == expected)
    }
}

/// A platform that is a server; offline, every question to it throws.
private struct FakeServer: PassingBackend, OfflineAnswering {
    static let notAsked = Failure(.unsupported, "it was not asked")
    let base: FakeBackend
    var isOffline = false
    var kind: BackendKind { base.kind }
    var capabilities: Capabilities {
        var can = Capabilities()
        can.unasked = self
        return can
    }
    var offline: any MachineBackend { FakeServer(base: base, isOffline: true) }

    func isUnasked(_ failure: Failure) -> Bool { failure.code == Self.notAsked.code }

    func powerState(of machine: MachineReference) async throws -> PowerState {
        guard !isOffline else { throw Self.notAsked }
        return try await base.powerState(of: machine)
    }

    func find(_ deployment: DeploymentID, name: ApplianceName) async throws -> MachineReference? {
        guard !isOffline else { throw Self.notAsked }
        return try await base.find(deployment, name: name)
    }

    func forecast(_ spec: ApplianceSpec) async throws -> HostForecast {
        guard isOffline else { return try await base.forecast(spec) }
        let usual = FakeBackend.usualForecast
        return HostForecast(
            accelerator: usual.accelerator, findings: [Finding(check: "fake.server", level: .skip, measured: "not asked", expected: "a server")], resources: [],
            disk: usual.disk, ports: usual.ports)
    }

    func recipe(for machine: PlannedMachine) async throws -> MachineRecipe { try await base.recipe(for: machine) }
    func plannedMachine(of machine: MachineReference) async throws -> PlannedMachine? { isOffline ? nil : try await base.plannedMachine(of: machine) }
}
