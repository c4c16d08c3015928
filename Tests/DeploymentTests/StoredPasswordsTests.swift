import ApplianceModel
import Basics
import Glibc
import HostSystem
import MachineBackend
import PostgresServer
import SystemPackage
import Testing
import Workflow

@testable import Deployment

@Suite("Stored passwords")
struct StoredPasswordsTests {
    private static let hosts = ["db", "localhost", "127.0.0.1", "10.0.2.15"]

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

    @Test("Of several lines for a role the first counts, as with libpq")
    func firstLine() async throws {
        try await withContext { context in
            try Files.write("db:1:*:app:first\nlocalhost:1:*:app:second\ndb:1:*:other:third\n", to: context.directory.passwords)
            #expect(try StoredPasswords.read(context.directory) == ["app": Secret("first"), "other": Secret("third")])
        }
    }

    @Test("A file that is too large to be a passfile is refused, and stays as it is")
    func tooLarge() async throws {
        try await withContext { context in
            try Files.write("", to: context.directory.passwords)
            // Only its size: nothing is stored.
            #expect(truncate(context.directory.passwords.string, 1 << 40) == 0)
            #expect(throws: Failure.self) { try StoredPasswords.read(context.directory) }
            await #expect(throws: Failure.self) { try await StoredPasswords.prepare(context, hosts: Self.hosts) }
            #expect(Files.status(context.directory.passwords)?.size == .gibibytes(1 << 10))
        }
    }

    @Test("A passfile that lacks a line, a role or a name of the certificate is not current, and becomes so")
    func current() async throws {
        try await withContext { context in
            #expect(try await !StoredPasswords.isCurrent(context, hosts: Self.hosts))
            _ = try await StoredPasswords.prepare(context, hosts: Self.hosts)
            #expect(try await StoredPasswords.isCurrent(context, hosts: Self.hosts))
            #expect(try await !StoredPasswords.isCurrent(context, hosts: Self.hosts + ["192.0.2.7"]))
            let text = try Files.readText(context.directory.passwords)
            for damaged in [text.replacing("127.0.0.1:5433:*:app", with: "127.0.0.1:1:*:app"), text.replacing(":*:app:", with: ":*:gone:"), text + "\n"] {
                try Files.write(damaged, to: context.directory.passwords)
                #expect(try await !StoredPasswords.isCurrent(context, hosts: Self.hosts))
            }
            _ = try await StoredPasswords.prepare(context, hosts: Self.hosts)
            #expect(try await StoredPasswords.isCurrent(context, hosts: Self.hosts))
        }
    }

    @Test(
        "The passfile has a line for every name and address of the server's certificate",
        arguments: [GuestPlace.userNetworking, GuestPlace(guest: "192.0.2.7", host: "192.0.2.1")])
    func certificate(place: GuestPlace) throws {
        let content = try ServerContent(ApplianceSpec(name: #require(ApplianceName("db"))), version: 17, place: place)
        #expect(content.hosts == ["db", "localhost", "127.0.0.1", place.guest])
    }

    @Test("The first run makes a password for each role, in a file that only its owner reads")
    func first() async throws {
        try await withContext { context in
            _ = try await StoredPasswords.prepare(context, hosts: Self.hosts)
            let made = try StoredPasswords.read(context.directory)
            #expect(made.keys.sorted() == ["app", "pgkvm"])
            #expect(made["app"] != made["pgkvm"])
            #expect(Files.status(context.directory.passwords)?.permissions == 0o600)
            let lines = try Files.readText(context.directory.passwords).split(separator: "\n").filter { !$0.hasPrefix("#") }
            let hosts = Self.hosts + [context.directory.socket.string]
            let wanted = ["app", "pgkvm"].flatMap { role in hosts.map { "\($0):5433:*:\(role)" } }
            #expect(lines.map { String($0[..<($0.lastIndex(of: ":") ?? $0.endIndex)]) } == wanted)
        }
    }

    @Test("What an adopted disk brought stays, with this appliance's name and port, and also a role that the spec no longer has")
    func adopted() async throws {
        try await withContext { context in
            let brought = ["app": #"old:pass\word"#, "pgkvm": "own", "former": "still"]
            try write(
                brought.sorted { $0.key < $1.key }.map { .init(host: "elsewhere", port: 1, user: $0.key, password: Secret($0.value)) },
                to: context.directory.passwords)
            _ = try await StoredPasswords.prepare(context, hosts: Self.hosts)
            #expect(try StoredPasswords.read(context.directory) == brought.mapValues { Secret($0) })
            #expect(try !Files.readText(context.directory.passwords).contains("elsewhere"))
            let before = try Files.read(context.directory.passwords)
            _ = try await StoredPasswords.prepare(context, hosts: Self.hosts)
            #expect(try Files.read(context.directory.passwords) == before)
        }
    }

    @Test("The setup script holds a verifier for each role and no password")
    func script() async throws {
        try await withContext { context in
            let passwords = try await StoredPasswords.prepare(context, hosts: Self.hosts)
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
            let journal = try Journal(storage: FileJournalStorage(directory))
            try await journal.record(MachineFact(reference: MachineReference(backend: .qemu, deployment: .random(), identifier: "db")))
            try await body(
                DeploymentContext(
                    spec: scratch.spec(), directory: directory, backend: scratch.backend, images: scratch.environment.images, journal: journal))
        }
    }
}
