import ApplianceModel
import FoundationEssentials
import HostSystem
import SystemPackage
import TestSupport
import Testing

/// What `pgkvm spec check` says, as a program and as a person reads it.
@Suite("Checking a spec file")
struct SpecCheckTests {
    private struct Checked: Decodable {
        struct Place: Decodable, Equatable {
            let line: Int?
            let path: String?
            let message: String
        }

        let valid: Bool
        let faults: [Place]
        let warnings: [Place]
    }

    private func check(_ text: String, _ arguments: [String] = [], as name: String = "orders.yaml") async throws -> ProgramResult {
        try await PGKVMHome.with { home in
            let file = home.path.appending(name)
            try Files.write(text, to: file)
            return try await home.run(["spec", "check", file.string] + arguments)
        }
    }

    private func json(_ text: String) async throws -> (Int32, Checked) {
        let result = try await check(text, ["--format", "json"])
        return (result.status, try JSONDecoder().decode(Checked.self, from: Data(result.standardOutput)))
    }

    private static let head = "formatVersion: 1\nname: orders\npostgresql:\n"

    @Test("What only may be too much is a warning with its line, and no fault")
    func warning() async throws {
        let text = Self.head + "  timeZone: Etc/UTC\n  settings:\n    wal_keep_size: 50GB\n    Work_Mem: 1GB\n"
        let (status, checked) = try await json(text)
        #expect(status == 0)
        #expect(checked.valid)
        #expect(checked.faults == [])
        #expect(checked.warnings.map(\.path) == ["postgresql.settings.work_mem", "postgresql.settings.wal_keep_size"])
        #expect(checked.warnings.map(\.line) == [7, 6])
        let result = try await check(text)
        #expect(result.status == 0)
        #expect(result.outputText.contains("orders.yaml: no faults\nwarning: "))
    }

    @Test("What cannot be is a fault with its line")
    func refusal() async throws {
        let (status, checked) = try await json(Self.head + "  settings:\n    shared_buffers: 64GB\n    work_mem: 1GB\n")
        #expect(status == 1)
        #expect(!checked.valid)
        #expect(checked.faults.map(\.path) == ["postgresql.settings.shared_buffers"])
        #expect(checked.faults.map(\.line) == [5])
        #expect(checked.warnings.map(\.path) == ["postgresql.settings.work_mem"])
    }

    @Test("Sizes are not judged when the machine's memory could not be read")
    func faulty() async throws {
        let (_, checked) = try await json("formatVersion: 1\nname: orders\nmachine:\n  memory: 2048\npostgresql:\n  settings:\n    work_mem: 1GB\n")
        #expect(checked.faults.map(\.path) == ["machine.memory"])
        #expect(checked.warnings == [])
    }

    @Test("The example gives neither fault nor warning")
    func example() async throws {
        let text = try await PGKVMHome.with { try await $0.run("spec", "example").outputText }
        let (status, checked) = try await json(text)
        #expect(status == 0)
        #expect(checked.warnings == [])
    }

    @Test("Of thousands of faults the first are printed")
    func many() async throws {
        let roles = (0..<1000).map { "    - {name: role-\($0)}\n" }.joined()
        let databases = (0..<1000).map { "    - {name: d\($0), owner: rule-\($0)}\n" }.joined()
        let result = try await check(Self.head + "  roles:\n\(roles)  databases:\n\(databases)")
        #expect(result.status == 1)
        #expect(result.outputText.split(separator: "\n").count == 101)
        #expect(result.outputText.hasSuffix("… and 900 more\n"))
    }

    @Test("A file without an end is read up to its limit")
    func endless() async throws {
        try await PGKVMHome.with { home in
            let result = try await home.run("spec", "check", "/dev/zero")
            #expect(result.status == 1)
            #expect(result.outputText.contains("more than 1048576 bytes (1MiB), which is the limit"))
        }
    }
}
