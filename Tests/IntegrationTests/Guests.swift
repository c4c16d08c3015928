import ApplianceModel
import Basics
import FoundationEssentials
import HostSystem
import Quoting
import Reports
import SystemPackage
import TestSupport
import Testing

/// The guests that the tests share, each deployed when the first test asks for it.
actor Guests {
    /// Those of the suite.
    @TaskLocal static var current: Guests?

    nonisolated let home: PGKVMHome
    private var alpha: Task<Undisturbed, any Error>?

    init(home: PGKVMHome) { self.home = home }

    /// The appliance `alpha`, whose deployment nothing disturbed.
    func undisturbed() async throws -> Undisturbed {
        if let alpha { return try await alpha.value }
        let task = Task { [home] in try await Undisturbed.deploy(in: home) }
        alpha = task
        return try await task.value
    }

    /// Guests of the suite; only a suite with the trait has them.
    static func shared() throws -> Guests { try #require(current) }

    /// The undisturbed appliance of the suite.
    static func undisturbed() async throws -> Undisturbed { try await shared().undisturbed() }
}

/// Gives a whole suite one state directory.
struct SharedGuests: SuiteTrait, TestScoping {
    func provideScope(for test: Test, testCase: Test.Case?, performing function: @Sendable @concurrent () async throws -> Void) async throws {
        try await PGKVMHome.with { home in
            try await Guests.$current.withValue(Guests(home: home)) { try await function() }
        }
    }
}

extension Trait where Self == SharedGuests {
    static var guests: Self { SharedGuests() }
}

/// Whatever boots a guest. One after the other: guests share the host's processors, and the tests the guests.
@Suite("Guests", .serialized, .guests)
struct GuestTests {}

/// An appliance as its user meets it: through the program, psql and nothing else.
struct Guest {
    let home: PGKVMHome
    let name: String

    var directory: FilePath { home.appliance(name) }
    var machine: FilePath { home.machine(name) }
    var records: MachineRecords { MachineRecords(MachineDirectory(path: machine)) }
    var journal: FilePath { directory.appending("journal.jsonl") }
    var passwordFile: FilePath { directory.appending("pgpass") }
    var certificate: FilePath { directory.appending("ca.crt") }

    /// The processes of this host that belong to the appliance.
    var processes: [String] {
        home.processes().map(\.text).filter { $0.contains("guest=\(name),") || $0.contains(directory.string) || $0.contains("deploy \(name)") }
    }

    /// Expects that nothing of the appliance is left.
    func expectGone(sourceLocation: SourceLocation = #_sourceLocation) async throws {
        #expect(processes.isEmpty, sourceLocation: sourceLocation)
        #expect(!Files.exists(directory), sourceLocation: sourceLocation)
        let names = try await home.check("list", "--names").split(separator: "\n").map(String.init)
        #expect(!names.contains(name), sourceLocation: sourceLocation)
    }

    /// Carries out a test on an appliance of its own, which a failure does not leave to the tests that follow.
    func removedOnFailure(_ body: () async throws -> Void) async throws {
        do {
            try await body()
        } catch {
            _ = try? await withoutCancellation { [home, name] in try await home.run("delete", name, "--confirm", name) }
            throw error
        }
    }

    /// Runs a script as root in the guest.
    /// - Returns: its standard output without the last newline.
    @discardableResult
    func root(_ script: String) async throws -> String { try await home.check("ssh", name, "--", "sudo", "-n", "sh", "-euc", script) }

    /// What `status --format json` says.
    func status() async throws -> Status {
        try JSONDecoder().decode(Status.self, from: Data(try await home.check("status", name, "--format", "json").utf8))
    }

    /// Runs `verify --quick`; its exit status is held against its findings.
    func verify(_ options: String...) async throws -> [Finding] {
        struct Report: Decodable { let findings: [Finding] }
        let result = try await home.run(["verify", name, "--quick", "--format", "json"] + options)
        let findings = try JSONDecoder().decode(Report.self, from: Data(result.standardOutput)).findings
        #expect(result.status == (findings.contains { $0.level == .fail } ? 2 : 0), "\(result.errorText)")
        return findings
    }

    /// Runs psql on a connection string; the password comes from the file that the string names.
    func psql(_ connection: String, _ query: String, environment: [String: String] = [:]) async throws -> ProgramResult {
        try await ProgramRunner.run(
            "psql", ["--no-psqlrc", "--no-align", "--tuples-only", "--no-password", "--set=ON_ERROR_STOP=1", connection, "--command=\(query)"],
            environment: environment)
    }

    /// Runs SQL as the owner of a database, over libpq from this host.
    /// - Returns: the rows, unaligned.
    @discardableResult
    func query(_ query: String, database: String = SharedSpec.oddDatabase) async throws -> String {
        let result = try await psql(home.check("connection", name, "--database", database), query)
        guard result.status == 0 else { throw Failure(.programFailed, "psql: \(result.errorText)") }
        return result.outputText.split(whereSeparator: \.isNewline).joined(separator: "\n")
    }

    struct Status: Decodable {
        let name: String
        let state: String
        let deployment: String
        let postgresqlVersion: Int?
        let accelerator: String?
        let postgresql: Endpoint?
        let ssh: Endpoint?
        let processID: Int32?
        let verified: String?
    }
}

extension [Finding] {
    /// Expects that no check failed, and that those named by the contract were made.
    /// - Parameter absent: checks that the platform does not have.
    func expectPassed(but absent: Set<String> = [], sourceLocation: SourceLocation = #_sourceLocation) {
        let failed = filter { $0.level == .fail }.map { "\($0.check): \($0.measured); expected \($0.expected)" }
        #expect(failed.isEmpty, "\(failed.joined(separator: "\n"))", sourceLocation: sourceLocation)
        let wanted = [
            "postgresql.connection", "postgresql.version", "postgresql.tls", "postgresql.checksums", "postgresql.settings",
            "postgresql.data-directory", "cpu.aes", "disk.driver", "network.driver", "disk.allocation", "certificate.expiry",
        ]
        for check in wanted where !absent.contains(check) {
            #expect(contains { $0.check == check && $0.level != .skip }, "\(check) was not made", sourceLocation: sourceLocation)
        }
    }
}

/// The spec that the appliances share, so that they can be compared.
enum SharedSpec {
    static let oddRole = #"o'brien "$HOME" 🐘"#
    static let oddDatabase = #"it's a "shop" for $5 \ 🐘"#

    /// - Parameters: further lines of the sections, in the form of the file.
    static func text(name: String, machine: String = "backend: qemu", network: String = "address: dhcp", data: String = "size: 1GiB") -> String {
        #"""
        formatVersion: 1
        name: \#(name)
        machine:
          memory: 1GiB
          \#(machine)
        network:
          \#(network)
        data:
          \#(data)
        postgresql:
          profile: oltp
          settings:
            log_min_duration_statement: 250ms
            shop.note: "it's 100 % \"quoted\", \\ $HOME 🐘"
          roles:
            - name: app
            - name: "o'brien \"$HOME\" 🐘"
              memberOf: [pg_read_all_data, app]
          databases:
            - name: "it's a \"shop\" for $5 \\ 🐘"
              owner: "o'brien \"$HOME\" 🐘"
              extensions: [pg_trgm, hstore]
            - name: plain
              owner: app

        """#
    }

    /// Writes the file beside the appliances.
    static func write(
        name: String, machine: String = "backend: qemu", network: String = "address: dhcp", data: String = "size: 1GiB", in home: PGKVMHome
    ) throws -> FilePath {
        let file = home.path.appending("\(name).yaml")
        try Files.write(text(name: name, machine: machine, network: network, data: data), to: file)
        return file
    }
}
