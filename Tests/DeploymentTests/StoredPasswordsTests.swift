import ApplianceModel
import HostSystem
import MachineBackend
import PostgresServer
import SystemPackage
import Testing
import Workflow

@testable import Deployment

@Suite("Stored passwords")
struct StoredPasswordsTests {
    @Test(
        "Every password survives the passfile",
        arguments: [
            "simple", "a:b", #"a\b"#, #"\:\\::"#, #"\"#, ":", " spaces ", "# no comment", "ü\u{2028}ß", "tab\tand\u{b}feed",
        ])
    func roundTrip(password: String) async throws {
        try await withContext { context in
            try write([.init(host: "db", port: 5433, user: "app", password: Secret(password))], to: context.directory.passwords)
            #expect(try StoredPasswords.read(context.directory) == ["app": Secret(password)])
        }
    }

    @Test("No passfile is no password; comments, short and long lines are none either")
    func others() async throws {
        try await withContext { context in
            #expect(try StoredPasswords.read(context.directory).isEmpty)
            try Files.write("# db:1:*:app:x\n\ndb:1:app:short\ndb:1:*:app:too:long\ndb:1:*:real:kept", to: context.directory.passwords)
            #expect(try StoredPasswords.read(context.directory) == ["real": Secret("kept")])
        }
    }

    @Test("The first run makes a password for each role, in a file that only its owner reads")
    func first() async throws {
        try await withContext { context in
            _ = try await StoredPasswords.prepare(context)
            let made = try StoredPasswords.read(context.directory)
            #expect(made.keys.sorted() == ["app", "pgkvm"])
            #expect(made["app"] != made["pgkvm"])
            #expect(Files.status(context.directory.passwords)?.permissions == 0o600)
            let lines = try Files.readText(context.directory.passwords).split(separator: "\n").filter { !$0.hasPrefix("#") }
            #expect(
                lines.map { $0.split(separator: ":").dropLast().joined(separator: ":") } == [
                    "db:5433:*:app", "localhost:5433:*:app", "db:5433:*:pgkvm", "localhost:5433:*:pgkvm",
                ])
        }
    }

    @Test("What an adopted disk brought stays, with this appliance's name and port, and also a role that the spec no longer has")
    func adopted() async throws {
        try await withContext { context in
            let brought = ["app": #"old:pass\word"#, "pgkvm": "own", "former": "still"]
            try write(
                brought.sorted { $0.key < $1.key }.map { .init(host: "elsewhere", port: 1, user: $0.key, password: Secret($0.value)) },
                to: context.directory.passwords)
            _ = try await StoredPasswords.prepare(context)
            #expect(try StoredPasswords.read(context.directory) == brought.mapValues { Secret($0) })
            #expect(try !Files.readText(context.directory.passwords).contains("elsewhere"))
            let before = try Files.read(context.directory.passwords)
            _ = try await StoredPasswords.prepare(context)
            #expect(try Files.read(context.directory.passwords) == before)
        }
    }

    @Test("The setup script holds a verifier for each role and no password")
    func script() async throws {
        try await withContext { context in
            let passwords = try await StoredPasswords.prepare(context)
            let script = try passwords.setupScript(for: context.spec, version: 17).withRevealed { $0 }
            #expect(script.contains("SCRAM-SHA-256$"))
            for password in try StoredPasswords.read(context.directory).values {
                #expect(password.withRevealed { !script.contains($0) })
            }
        }
    }

    private func write(_ entries: [PasswordFile.Entry], to path: FilePath) throws {
        try PasswordFile.render(entries).withRevealed { try Files.write($0, to: path) }
    }

    private func withContext(_ body: (DeploymentContext) async throws -> Void) async throws {
        try await Scratch.with { scratch in
            let directory = try scratch.directory()
            try Files.createDirectory(directory.path)
            let journal = try Journal(storage: FileJournalStorage(directory.journal))
            try await journal.record(MachineFact(reference: MachineReference(backend: .qemu, deployment: .random(), identifier: "db")))
            try await body(
                DeploymentContext(
                    spec: scratch.spec(), directory: directory, backend: scratch.backend, images: scratch.environment.images, journal: journal))
        }
    }
}
