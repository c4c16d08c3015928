import ApplianceModel
import Basics
import Glibc
import HostSystem
import SystemPackage
import TestSupport
import Testing

/// The records of a machine, and what older versions kept in QEMU's directory.
@Suite("The records of a machine", .timeLimit(.minutes(40)))
struct MachineRecordsTests {
    private typealias Record = MachineDirectory.Record

    /// A machine's directory as older versions left it: all of it in QEMU's.
    private func withMachine(_ body: (MachineDirectory) async throws -> Void) async throws {
        try await withTemporaryDirectory { directory in
            let machine = ApplianceDirectory(path: directory).machine()
            try Files.createDirectory(machine.path)
            try await body(machine)
        }
    }

    @Test("A record is read where older versions kept it, and the new place goes before that one")
    func places() async throws {
        try await withMachine { machine in
            let records = MachineRecords(machine)
            #expect(try records.read(Record.machine) == nil)
            #expect(records.location(Record.machine) == machine.record(Record.machine))
            try Files.write("old", to: machine.file(Record.machine))
            #expect(try records.read(Record.machine) == Array("old".utf8))
            #expect(records.location(Record.machine) == machine.file(Record.machine))
            try Files.createDirectory(machine.records)
            try Files.write("new", to: machine.record(Record.machine))
            #expect(try records.read(Record.machine) == Array("new".utf8))
            #expect(records.location(Record.machine) == machine.record(Record.machine))
            // Written anew, nothing of it is left with QEMU.
            try records.write(Array("newer".utf8), to: Record.machine)
            #expect(try Files.list(machine.path).isEmpty)
            #expect(try Files.list(machine.records) == [Record.machine])
        }
    }

    @Test("A record that QEMU put a pipe or a link in the place of is refused by its name", arguments: ["/dev/zero", "/etc/shadow", ""])
    func refused(target: String) async throws {
        try await withMachine { machine in
            let path = machine.file(Record.machine)
            try #require((target.isEmpty ? mkfifo(path.string, 0o600) : symlink(target, path.string)) == 0)
            let failure = try #require(throws: Failure.self) { _ = try MachineRecords(machine).read(Record.machine) }
            #expect(failure.message.contains("'\(path)' is not a regular file"))
            let moving = try #require(throws: Failure.self) { try MachineRecords(machine).takeOver(Record.machine) { _ in Issue.record("it was read") } }
            #expect(moving.message.contains("'\(path)'"))
            #expect(!Files.exists(machine.record(Record.machine)))
        }
    }

    @Test("A record is moved once it was judged, and stays where it is otherwise")
    func takenOver() async throws {
        try await withMachine { machine in
            let records = MachineRecords(machine)
            try Files.write("doubtful", to: machine.file(Record.machine))
            #expect(throws: Failure.self) { try records.takeOver(Record.machine) { _ in throw Failure(.invalidInput, "no") } }
            #expect(try Files.list(machine.path) == [Record.machine])
            try records.takeOver(Record.machine) { #expect($0 == Array("doubtful".utf8)) }
            #expect(try Files.list(machine.path).isEmpty)
            #expect(try Files.readText(machine.record(Record.machine)) == "doubtful")
            #expect(Files.status(machine.record(Record.machine))?.permissions == 0o600)
            // What appears there later is not believed.
            try Files.write("planted", to: machine.file(Record.machine))
            try records.takeOver(Record.machine) { _ in Issue.record("it was read") }
            #expect(try Files.list(machine.path).isEmpty)
            #expect(try records.read(Record.machine) == Array("doubtful".utf8))
        }
    }

    @Test("A log is moved under the hands of whoever writes it, and what is no log is removed", arguments: ["a log", "a link", "a pipe", "a second name"])
    func log(kind: String) async throws {
        try await withMachine { machine in
            let records = MachineRecords(machine)
            let path = machine.file(Record.serialLog)
            let secret = machine.path.removingLastComponent().appending("secret")
            try Files.write("secret", to: secret)
            switch kind {
            case "a log": try Files.write("one ", to: path)
            case "a link": try #require(symlink(secret.string, path.string) == 0)
            case "a pipe": try #require(mkfifo(path.string, 0o600) == 0)
            default: try #require(link(secret.string, path.string) == 0)
            }
            let writer = kind == "a log" ? try FileDescriptor.open(path, .writeOnly, options: .append) : nil
            try records.takeOverLog(Record.serialLog)
            try writer?.closeAfter { _ = try writer?.writeAll("two".utf8) }
            #expect(try Files.list(machine.path).isEmpty)
            #expect(try Files.readText(secret) == "secret")
            #expect(
                try Files.readEnd(records.log(Record.serialLog), bytes: 100).map { String(decoding: $0, as: UTF8.self) } == (kind == "a log" ? "one two" : nil))
        }
    }

    @Test(
        "A log that another user exchanges for a link, ten thousand times, gives away nothing of what the link leads to",
        .enabled("another user is needed, which takes root") { HostEnvironment.isRoot })
    func exchanged() async throws {
        try await withTemporaryDirectory { directory in
            try #require(chmod(directory.string, 0o711) == 0)
            let machine = MachineDirectory(path: directory.appending("place"))
            try Files.createDirectory(machine.path)
            let marker = "only root knows this"
            let secret = directory.appending("secret")
            try Files.write(String(repeating: marker + "\n", count: 300_000), to: secret)
            let before = try Files.read(secret)
            try Files.write([UInt8](repeating: UInt8(ascii: "a"), count: 5 << 20), to: machine.file(Record.serialLog))
            for path in [machine.path, machine.file(Record.serialLog)] { try #require(chown(path.string, 65_534, 65_534) == 0) }
            let other = try Drivers.start("exchange.py", ["log", machine.path.string, secret.string, "10000", "200"], as: 65_534, in: directory)
            defer { other.send(SIGKILL) }
            while other.isRunning {
                do { try MachineRecords(machine).cutLog(Record.serialLog, over: 4 << 20, to: 1 << 20) } catch is Failure {}
                // What `logs`, the evidence and `diagnose` read.
                if let seen = try? Files.readEnd(machine.file(Record.serialLog), bytes: 4096) {
                    #expect(!String(decoding: seen, as: UTF8.self).contains(marker))
                }
            }
            #expect(try await other.end() == 0, "\(other.output)")
            #expect(try Files.read(secret) == before)
            for name in try Files.list(machine.path) {
                guard let bytes = try? Files.readEnd(machine.file(name), bytes: 8 << 20) else { continue }
                #expect(!String(decoding: bytes, as: UTF8.self).contains(marker), "\(name)")
            }
        }
    }
}
