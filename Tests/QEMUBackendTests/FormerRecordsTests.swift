import ApplianceModel
import Basics
import Glibc
import HostSystem
import MachineBackend
import SystemPackage
import Testing

@testable import QEMUBackend

/// A machine whose records lie where older versions kept them.
@Suite("Records of an older version", .timeLimit(.minutes(40)))
struct FormerRecordsTests {
    private typealias Record = MachineDirectory.Record

    /// Puts every record back into QEMU's directory, and makes all of it QEMU's, as older versions did.
    private func age(_ directory: MachineDirectory) throws {
        let user = QEMUUser.of(try #require(try QEMUMachine.load(from: directory)))
        for name in try Files.list(directory.records) { try Files.rename(directory.record(name), to: directory.file(name)) }
        try Files.remove(directory.records)
        for name in try Files.list(directory.path) { try user.own(directory.file(name)) }
    }

    @Test("A machine that is off is seen as it is, taken over, and started")
    func off() async throws {
        try await Workbench.with { bench in
            let spec = try bench.spec()
            let machine = try await bench.backend.create(spec)
            let directory = try bench.machineDirectory()
            try age(directory)
            #expect(try await bench.backend.find(spec.deployment, name: spec.name) == machine)
            #expect(try await bench.backend.powerState(of: machine) == .off)
            #expect(!Files.exists(directory.records))
            for _ in 0..<2 { try await bench.backend.takeOverRecords(of: spec.name, deployment: spec.deployment, network: spec.network) }
            #expect(try Files.list(directory.records) == [Record.machine])
            #expect(try !Files.list(directory.path).contains(Record.machine))
            #expect(try QEMUMachine.load(from: directory)?.isComplete == true)
            try await bench.backend.start(machine)
            #expect(try await bench.backend.powerState(of: machine) == .running)
        }
    }

    @Test("A machine that runs goes on, is taken over under its process, and ends as always")
    func running() async throws {
        try await Workbench.with { bench in
            let spec = try bench.spec()
            let machine = try await bench.backend.create(spec)
            let directory = try bench.machineDirectory()
            try await bench.backend.start(machine)
            let process = try #require(try await bench.backend.processID(of: machine))
            try age(directory)
            func expectRunning() async throws {
                #expect(try await bench.backend.powerState(of: machine) == .running)
                #expect(try await bench.backend.processID(of: machine) == process)
                try await bench.backend.start(machine)
                #expect(try await bench.backend.processID(of: machine) == process)
            }
            try await expectRunning()
            try await bench.backend.takeOverRecords(of: spec.name, deployment: spec.deployment, network: spec.network)
            try await expectRunning()
            let kept = try Files.list(directory.records)
            #expect(Set(kept).isSuperset(of: [Record.machine, Record.processID, Record.processLog, Record.serialLog]))
            #expect(try Set(Files.list(directory.path)).isDisjoint(with: kept))
            // From now on QEMU cannot name another process.
            try Files.write("\(getpid())\n", to: directory.file(Record.processID))
            #expect(try await bench.backend.processID(of: machine) == process)
            try await bench.backend.powerOff(machine)
            #expect(try await bench.backend.powerState(of: machine) == .off)
            #expect(!ProcessTable.exists(process))
            try await bench.backend.start(machine)
            #expect(try await bench.backend.powerState(of: machine) == .running)
        }
    }

    @Test("A record that names another network, or another machine, than the journal is not taken over", arguments: ["device", "deployment", "name"])
    func forged(what: String) async throws {
        try await Workbench.with { bench in
            func network(_ device: String) -> NetworkDecision {
                NetworkDecision(mode: .bridge, macAddress: "52:54:00:a1:b2:c3", sshPort: 22, postgresqlPort: 5432, device: device)
            }
            let (network, forged) = (network("br-of-none"), network("br-of-another"))
            let spec = try bench.spec { $0.network = network }
            _ = try await bench.backend.create(spec)
            let directory = try bench.machineDirectory()
            let record = try makeMachineSpec(what == "name" ? "other" : "orders") {
                $0.deployment = what == "deployment" ? .random() : spec.deployment
                $0.network = what == "device" ? forged : network
            }
            try QEMUMachine(spec: record, isComplete: true).save(to: directory)
            try age(directory)
            let error = await #expect(throws: Failure.self) {
                try await bench.backend.takeOverRecords(of: spec.name, deployment: spec.deployment, network: network)
            }
            #expect(error?.code == .machineFailed)
            #expect(error?.message.contains("'\(directory.file(Record.machine))'") == true)
            #expect(!Files.exists(directory.record(Record.machine)))
        }
    }

    @Test("A pid file is a process id and perhaps its start, and nothing else")
    func identity() {
        let good: [(String, Int32, UInt64?)] = [("4711", 4711, nil), ("4711\n", 4711, nil), ("4711 987654321\n", 4711, 987_654_321)]
        for (text, id, start) in good { #expect(QEMUProcess.Identity(Array(text.utf8)) == QEMUProcess.Identity(id: id, startTime: start)) }
        for text in ["", "\n", "1", "0", "-5", "x", "4711 soon", "4711 1 2", "99999999999", "47 11x"] {
            #expect(QEMUProcess.Identity(Array(text.utf8)) == nil, "\(text)")
        }
        let stat = "4711 (pg ) 1 (x) S 1 4711 4711 0 -1 4194304 1 0 0 0 1 2 0 0 20 0 7 0 987654321 1 2 3"
        #expect(ProcessStart.time(inStat: stat) == 987_654_321)
        #expect(ProcessStart.time(inStat: stat.replacing(") S ", with: ") Z ")) == nil)
        #expect(ProcessStart.time(inStat: "4711 (x) S 1") == nil)
    }

    @Test("A process is this machine's only if it was started when the record says, or runs inside its directory")
    func process() async throws {
        try await Workbench.with { bench in
            let directory = try bench.machineDirectory()
            try Files.createDirectory(directory.path)
            try Files.createDirectory(directory.records)
            let own = getpid()
            let start = try #require(ProcessStart.time(inStat: Files.readText("/proc/self/stat")))
            func id(_ text: String) throws -> Int32? {
                try Files.write(text, to: directory.record(Record.processID))
                return try QEMUProcess.id(in: directory)
            }
            #expect(try id("\(own) \(start)\n") == own)
            #expect(try id("\(own) \(start + 1)\n") == nil)
            #expect(try id("\(own)\n") == nil)
            #expect(try id("4194305 \(start)\n") == nil)
            try Files.remove(directory.record(Record.processID))
            // QEMU's own word is held against the directory and its owner.
            try Files.write("\(own)\n", to: directory.file(Record.processID))
            #expect(try QEMUProcess.id(in: directory) == nil)
        }
    }

    @Test("A log in QEMU's directory that is a link or a pipe is not the machine's log, and a start clears it away", arguments: ["link", "pipe"])
    func planted(kind: String) async throws {
        try await Workbench.with { bench in
            let machine = try await bench.backend.create(bench.spec())
            let directory = try bench.machineDirectory()
            for name in [Record.serialLog, Record.processLog, Record.processID] {
                let path = directory.file(name).string
                try #require((kind == "pipe" ? mkfifo(path, 0o600) : symlink("/etc/shadow", path)) == 0)
            }
            #expect(bench.backend.serialLog(of: machine) == directory.record(Record.serialLog))
            #expect(bench.backend.processLog(of: machine) == directory.record(Record.processLog))
            try await bench.backend.takeOverRecords(of: try #require(ApplianceName("orders")), deployment: machine.deployment, network: nil)
            try await bench.backend.start(machine)
            #expect(try await bench.backend.powerState(of: machine) == .running)
            for name in [Record.serialLog, Record.processLog, Record.processID] {
                let status = Files.status(directory.file(name), followLinks: false)
                #expect(status == nil || status?.isRegularFile == true, "\(name)")
            }
        }
    }
}
