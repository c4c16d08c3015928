import ApplianceModel
import Basics
import Foundation
import Glibc
import HostSystem
import MachineBackend
import SystemPackage
import TestSupport
import Testing

@testable import QEMUBackend

@Suite("The keeper of a machine", .serialized, .timeLimit(.minutes(40)))
struct MachineKeeperTests {
    private func keeper(_ directory: FilePath, user: QEMUUser.IDs?) -> MachineKeeper {
        MachineKeeper(directory: MachineDirectory(path: directory), user: user, usesKVM: false, descriptorCount: 0, firmware: nil)
    }

    @Test("What stands before QEMU says who it runs as, where, and what it is handed")
    func command() {
        let directory = MachineDirectory(path: "/var/lib/pgkvm/orders/machines/0")
        let whole = MachineKeeper(
            directory: directory, user: .init(user: 1_879_048_192, group: 1_879_048_192), usesKVM: true, descriptorCount: 4, firmware: "/usr/share/OVMF")
        #expect(
            whole.command(program: "/usr/bin/pgkvm") == [
                "/usr/bin/pgkvm", "run-machine", "--machine", "/var/lib/pgkvm/orders/machines/0", "--user", "1879048192:1879048192", "--kvm",
                "--descriptors", "4", "--firmware", "/usr/share/OVMF", "--",
            ])
        #expect(keeper(directory.path, user: nil).command(program: "pgkvm") == ["pgkvm", "run-machine", "--machine", directory.path.string, "--"])
    }

    @Test("QEMU is shown its own directory to write, and nothing else of the host to write")
    func views() async throws {
        try await Workbench.with { bench in
            let directory = bench.directory.appending("state/orders/machines/0")
            for user in [QEMUUser.IDs(user: 1_879_048_192, group: 1_879_048_192), nil] {
                let program = try keeper(directory, user: user).program(["qemu-system-x86_64", "-S"], hasOwnResolver: user != nil)
                #expect(program.views.filter { $0.use == .write }.map(\.path) == [directory])
                #expect(program.views.filter { $0.use == .device }.map(\.path) == ["/dev/null", "/dev/urandom"])
                let shown = program.views.map(\.path)
                for hidden in ["/", "/etc", "/home", "/root", "/var", "/dev", "/usr", bench.directory.string] { #expect(!shown.contains(FilePath(hidden))) }
                #expect((program.root == nil) == (user == nil))
                #expect((program.user == nil) == (user == nil))
                #expect((program.environment == nil) == (user == nil))
                #expect(program.command.last == "-S" && program.command.first?.hasSuffix("/qemu-system-x86_64") == true)
            }
        }
    }

    /// Runs a program as a keeper does, for the caller's own user.
    private func keep(_ command: [String], in bench: Workbench) async throws -> (result: ProgramResult, directory: MachineDirectory) {
        let directory = try bench.machineDirectory("kept")
        try Files.createDirectory(directory.path)
        let result = try await ProgramRunner.run(
            PGKVMHome.program.string, ["run-machine", "--machine", directory.path.string, "--"] + command, environment: ["PATH": "/usr/bin:/bin"])
        return (result, directory)
    }

    @Test("Of a flood of words the end is kept, in no more than 4 MiB, and nobody has to look for it")
    func words() async throws {
        try await Workbench.with { bench in
            let (result, directory) = try await keep(["seq", "1", "4000000"], in: bench)
            #expect(result.status == 0, "\(result.errorText)")
            let log = try Files.readText(directory.record(MachineDirectory.Record.processLog))
            #expect(log.utf8.count <= 4 << 20 && log.utf8.count >= 1 << 20)
            #expect(log.hasSuffix("\n3999999\n4000000\n"))
        }
    }

    @Test("Of a flood on the console the end is kept, in no more than 4 MiB")
    func console() async throws {
        try await Workbench.with { bench in
            let (result, directory) = try await keep(
                ["dd", "if=/dev/urandom", "of=/proc/self/fd/\(ConfinedProgram.consoleNumber)", "bs=65536", "count=500", "status=none"], in: bench)
            #expect(result.status == 0, "\(result.errorText)")
            let size = try #require(Files.status(directory.record(MachineDirectory.Record.serialLog))).size
            #expect(size <= .mebibytes(4) && size >= .mebibytes(1))
        }
    }

    @Test("How the program ended is how its keeper ends, and what it said first is in its log")
    func status() async throws {
        try await Workbench.with { bench in
            let refused = try await keep(["cat", "/nowhere"], in: bench)
            #expect(refused.result.status == 1)
            #expect(try Files.readText(refused.directory.record(MachineDirectory.Record.processLog)).contains("/nowhere"))
            let missing = try await keep(["no-such-program"], in: bench)
            #expect(missing.result.status == 1)
            #expect(missing.result.errorText.contains("'no-such-program' is not installed"))
        }
    }

    @Test(
        "Another file than those that it is shown is not opened, even by a program of the caller's own",
        .enabled("this kernel has no Landlock") { ConfinedProgram.confinesPaths })
    func landlock() async throws {
        try await Workbench.with { bench in
            let secret = bench.directory.appending("secret")
            try Files.write("secret", to: secret)
            let (result, directory) = try await keep(["cat", secret.string], in: bench)
            #expect(result.status == 1)
            #expect(try Files.readText(directory.record(MachineDirectory.Record.processLog)).contains("Permission denied"))
            // The record of what it is believed to be is not for it either.
            let record = try await keep(["tee", directory.record("forged").string], in: bench)
            #expect(record.result.status == 1)
            #expect(!Files.exists(directory.record("forged")))
            // The control: its own directory.
            let own = try await keep(["tee", directory.file("own").string], in: bench)
            #expect(own.result.status == 0)
            #expect(Files.exists(directory.file("own")))
        }
    }

    @Test("QEMU of root's is in namespaces and a root of its own, where it sees what it needs", .enabled(if: HostEnvironment.isRoot))
    func separated() async throws {
        try await Workbench.with { bench in
            let machine = try await bench.backend.create(bench.spec())
            try await bench.backend.start(machine)
            let process = try #require(try await bench.backend.processID(of: machine))
            let status = try ProcessStatus.read(process)
            #expect(status.ownNamespaces == ProcessStatus.separable)
            #expect(status.hasOwnRoot == true)
            #expect(status.coreLimit == 0)
            #expect(Set(status.userIDs) == [try #require(try bench.backend.load(machine).userID)])
            let root = FilePath("/proc/\(process)/root")
            #expect(Set(try Files.list(root)).isSubset(of: ["dev", "etc", "lib", "lib64", "proc", "tmp", "usr", "var"]))
            #expect(try Files.list(root.appending("dev")) == ["null", "urandom"])
            #expect(try Files.list(root.appending("etc")) == ["ld.so.cache", "resolv.conf"])
            #expect(try Files.list(root.appending("proc")).compactMap { Int32($0) } == [1])
            let resolver = try Files.readIfPresent("/etc/resolv.conf") ?? []
            #expect(try Files.read(root.appending("etc/resolv.conf")) == resolver)
            let mounts = try Files.readText(FilePath("/proc/\(process)/mounts")).split(separator: "\n").map { $0.split(separator: " ") }
            let writable = mounts.filter { $0[3].hasPrefix("rw") }.map { String($0[1]) }
            #expect(Set(writable) == ["/dev/null", "/dev/urandom", "/proc", try bench.machineDirectory().path.string])
        }
    }

    @Test("Exactly the rights of another machine open nothing of a machine, and its own would", .enabled(if: HostEnvironment.isRoot))
    func neighbours() async throws {
        try await Workbench.with { bench in
            let machines = try [await bench.backend.create(bench.spec("first")), await bench.backend.create(bench.spec("second"))]
            for machine in machines { try await bench.backend.start(machine) }
            let ids = try machines.map { try #require(try bench.backend.load($0).userID) }
            let process = try #require(try await bench.backend.processID(of: machines[0]))
            let disk = try bench.machineDirectory("first").file(MachineDirectory.Name.dataDisk)
            let doors = ["/proc/\(process)/cwd/data.raw", "/proc/\(process)/root\(disk)", "/proc/\(process)/mem", disk.string]
            func opens(_ path: String, as id: UInt32) async throws -> Bool {
                try await ProgramRunner.run(
                    "setpriv",
                    [
                        "--reuid", "\(id)", "--regid", "\(id)", "--clear-groups", "--inh-caps=-all", "--bounding-set=-all", "--no-new-privs", "--", "dd",
                        "if=/dev/null", "of=\(path)", "conv=notrunc", "count=0",
                    ]
                ).status == 0
            }
            for door in doors { #expect(try await !opens(door, as: ids[1]), "\(door)") }
            // The control: without a user of its own there would be a way in.
            #expect(try await opens(doors[0], as: ids[0]))
            #expect(kill(process, 0) == 0)
        }
    }

    /// The process that started another.
    private func parent(of process: Int32) throws -> Int32 {
        let stat = try Files.readText(FilePath("/proc/\(process)/stat"))
        let fields = try #require(stat.lastIndex(of: ")").map { stat[stat.index(after: $0)...].split(separator: " ") })
        return try #require(Int32(fields[1]))
    }

    @Test("A QEMU that was killed ends its keeper and frees the lock")
    func killedQEMU() async throws {
        try await Workbench.with { bench in
            let machine = try await bench.backend.create(bench.spec())
            try await bench.backend.start(machine)
            let process = try #require(try await bench.backend.processID(of: machine))
            let keeper = try parent(of: process)
            #expect(try Files.readText(FilePath("/proc/\(keeper)/cmdline")).contains("run-machine"))
            #expect(try await SessionSupervisor().presence(#require(ApplianceName("orders")), in: bench.machineDirectory()) == .alive)
            try ProcessTable.kill(process)
            try await eventually { !ProcessTable.exists(keeper) }
            #expect(try await SessionSupervisor().presence(#require(ApplianceName("orders")), in: bench.machineDirectory()) == .none)
        }
    }

    @Test("A keeper that was killed takes no machine with it: the machine is known, is not started twice, and is stopped as ever")
    func killedKeeper() async throws {
        try await Workbench.with { bench in
            let machine = try await bench.backend.create(bench.spec())
            try await bench.backend.start(machine)
            let process = try #require(try await bench.backend.processID(of: machine))
            let keeper = try parent(of: process)
            // A request to end is not for the keeper.
            #expect(kill(keeper, SIGTERM) == 0)
            try ProcessTable.kill(keeper)
            try await eventually { !ProcessTable.exists(keeper) }
            #expect(try await bench.backend.powerState(of: machine) == .running)
            try await bench.backend.start(machine)
            #expect(try await bench.backend.processID(of: machine) == process)
            let error = await #expect(throws: Failure.self) {
                _ = try await SessionSupervisor().start(bench.command(), for: #require(ApplianceName("orders")), in: bench.machineDirectory())
            }
            #expect(error?.code == .machineFailed)
            try await bench.backend.powerOff(machine)
            #expect(try await bench.backend.powerState(of: machine) == .off)
            try await bench.backend.start(machine)
            #expect(try await bench.backend.processID(of: machine) != process)
        }
    }

    @Test("A keeper is small, has one thread and no rights, and holds nothing of the network that it hands on", .enabled(if: HostEnvironment.isRoot))
    func small() async throws {
        try await Workbench.with { bench in
            let machine = try await bench.backend.create(bench.spec())
            try await bench.backend.start(machine)
            let keeper = try parent(of: #require(try await bench.backend.processID(of: machine)))
            let status = try Files.readText(FilePath("/proc/\(keeper)/status"))
            for line in ["Threads:\t1\n", "CapEff:\t0000000000000000\n", "CapBnd:\t0000000000000000\n", "NoNewPrivs:\t1\n"] {
                #expect(status.contains(line), "\(line)")
            }
            #expect(try Files.linkTarget(FilePath("/proc/\(keeper)/cwd")) == "/")
        }
    }

    /// A boot sector that writes to the serial port for ever: `mov dx,0x3f8; mov al,'A'; out dx,al; jmp` back to `out`.
    private static let flood: [UInt8] = [0xba, 0xf8, 0x03, 0xb0, 0x41, 0xee, 0xeb, 0xfd]

    @Test("A guest that floods its console fills no disk while nobody looks")
    func flood() async throws {
        try await Workbench.with { bench in
            var sector = Self.flood + [UInt8](repeating: 0, count: 512 - Self.flood.count)
            sector.replaceSubrange(510..<512, with: [0x55, 0xaa])
            let image = bench.directory.appending("flood.raw")
            try Files.write(sector + [UInt8](repeating: 0, count: 1 << 20), to: image)
            let machine = try await bench.backend.create(
                bench.spec { parts in
                    parts.image = image.string
                    parts.format = .raw
                    parts.firmware = .bios
                })
            let log = try bench.machineDirectory().record(MachineDirectory.Record.serialLog)
            try Files.createDirectory(bench.machineDirectory().records)
            // So that the limit is near, and what was there before is cut like the rest.
            try Files.write([UInt8](repeating: UInt8(ascii: "b"), count: (4 << 20) - 20_000), to: log)
            try await bench.backend.start(machine)
            try await eventually {
                let size = try #require(Files.status(log)).size
                #expect(size <= .mebibytes(4))
                return size < .mebibytes(3)
            }
            try await eventually { try Files.readText(log).hasSuffix(String(repeating: "A", count: 1000)) }
        }
    }

    @Test("A machine has few devices, and none of those that no guest needs", arguments: [BaseImage.Firmware.uefi, .bios])
    func devices(firmware: BaseImage.Firmware) async throws {
        try await Workbench.with { bench in
            let machine = try await bench.backend.create(bench.spec { $0.firmware = firmware })
            try await bench.backend.start(machine)
            var found: [String] = []
            try await bench.monitor { monitor in
                let types = try await monitor.execute("qom-list-types", ["implements": .string("device"), "abstract": .bool(false)]).array ?? []
                let devices = Set(types.compactMap { $0["name"]?.string })
                func walk(_ path: String) async throws {
                    for child in try await monitor.execute("qom-list", ["path": .string(path)]).array ?? [] {
                        guard let name = child["name"]?.string, let type = child["type"]?.string, type.hasPrefix("child<") else { continue }
                        let kind = String(type.dropFirst("child<".count).dropLast())
                        if devices.contains(kind) { found.append(kind) }
                        try await walk("\(path)/\(name)")
                    }
                }
                for path in ["/machine/peripheral", "/machine/unattached"] { try await walk(path) }
            }
            // A BIOS has timer, loudspeaker and two interrupt controllers.
            #expect(found.count <= (firmware == .uefi ? 18 : 22), "\(found.sorted())")
            let clock = ["isa-pit", "isa-pcspk", "isa-i8259"]
            for absent in ["i8042", "ps2-kbd", "ps2-mouse", "port92", "kvmvapic"] + (firmware == .uefi ? clock : []) {
                #expect(!found.contains(absent), "\(absent)")
            }
            #expect(found.contains("isa-serial"))
        }
    }
}
