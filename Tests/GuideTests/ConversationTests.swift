import ApplianceModel
import Basics
import Deployment
import FoundationEssentials
import HostSystem
import MachineBackend
import SpecFile
import Synchronization
import SystemPackage
import TestSupport
import Testing

@testable import Guide

@Suite("The conversation of the guide")
struct ConversationTests {
    private func spec(_ scratch: GuideScratch) throws -> ApplianceSpec {
        try SpecFile.parse(Files.read(scratch.directory().spec), file: "draft")
    }

    @Test("Enter at every question gives the spec of somebody who says nothing, stored with comments, and the line that replays it")
    func enters() async throws {
        try await GuideScratch.with { scratch in
            let (end, terminal) = try await scratch.guide(Script.all + Script.save)
            guard case .saved(let file) = end else { throw Failure(.unsupported, "\(end)") }
            #expect(file == scratch.work.appending("orders.yaml"))
            let text = try Files.readText(file)
            #expect(try SpecFile.parse(text, file: "orders.yaml") == ApplianceSpec(name: scratch.name()))
            #expect(text.contains("  size: 10GiB") && text.contains("# 1GiB to 16TiB, reserved on the host at once"))
            #expect(terminal.transcript.contains("Stop 7 of 7: review"))
            // Nothing was made.
            #expect(Set(scratch.backend.calls) == ["forecast", "recipe"])
            #expect(try Files.list(scratch.state.path) == [".guides"])
        }
    }

    @Test("Every answer is on disk before the next question, and q keeps them")
    func answers() async throws {
        try await GuideScratch.with { scratch in
            let (end, terminal) = try await scratch.guide(Script.host + [("Data disk [10GiB]", "20GiB"), ("System disk", "q")])
            #expect(end.word == "stopped")
            #expect(try spec(scratch).dataDisk.size == .gibibytes(20))
            #expect(terminal.transcript.contains("To carry on: pgkvm guide orders"))
            #expect(terminal.transcript.contains("\(try scratch.directory().spec)"))
        }
    }

    @Test("The next guide begins at the stop of the last one, with its answers")
    func resume() async throws {
        try await GuideScratch.with { scratch in
            try await scratch.guide(Script.host + [("Data disk", "20GiB")] + Script.disk.dropFirst() + [("vCPUs", "4"), ("Memory", .end)])
            let (_, terminal) = try await scratch.guide([("vCPUs [4]", ""), ("Memory [2GiB]", "q")])
            #expect(terminal.transcript.contains("Carrying on with the answers"))
            #expect(try spec(scratch).dataDisk.size == .gibibytes(20))
        }
    }

    @Test("Ctrl-C and the end of the input stop and keep", arguments: [(ScriptedTerminal.Answer.interrupt, "interrupted"), (.end, "stopped")])
    func stops(answer: ScriptedTerminal.Answer, word: String) async throws {
        try await GuideScratch.with { scratch in
            let (end, terminal) = try await scratch.guide(Script.host + [("Data disk", "20GiB"), ("System disk", answer)])
            #expect(end.word == word)
            #expect(try spec(scratch).dataDisk.size == .gibibytes(20))
            #expect(terminal.transcript.contains("To carry on: pgkvm guide orders"))
        }
    }

    @Test(
        "A wrong answer is refused with the reason and what is allowed, and asked for again",
        arguments: [
            ("Data disk", "12parsecs", "is not a size"), ("Data disk", "3MiB", "too small; allowed are 1GiB to 16TiB"),
            ("vCPUs", "many", "must be a whole number"), ("vCPUs", "0", "allowed are 1 to 256"), ("vCPUs", "-1", "allowed are 1 to 256"),
            ("Accelerator", "xen", "allowed are"), ("PostgreSQL's port", "22", "reserved for root"), ("SSH port", "70000", "is not a port"),
            ("Profile", "fast", "allowed are"), ("Version", "9", "not 9"), ("Time zone", "Mars Base", "time zone"),
            ("Image", "../etc", "not the name of an image"),
        ])
    func wrong(question: String, answer: String, reason: String) async throws {
        try await GuideScratch.with { scratch in
            let index = try #require(Script.all.firstIndex { $0.0 == question })
            let script = Script.all[..<index] + [(question, .line(answer)), (question, .line(""))] + Script.all[(index + 1)...] + Script.stop
            let (_, terminal) = try await scratch.guide(Array(script))
            #expect(terminal.transcript.contains(reason), "\(terminal.transcript)")
            #expect(try spec(scratch) == ApplianceSpec(name: scratch.name()))
        }
    }

    @Test("What the host cannot give is refused at once, with the reason of the plan and what to do about it")
    func refusedByHost() async throws {
        try await GuideScratch.with { scratch in
            scratch.backend.forecasting.withLock { forecasting in
                forecasting = { spec in
                    let usual = FakeBackend.usualForecast
                    let finding = Finding(check: "host.usable", level: .fail, measured: "no space", expected: "space", remedy: "ask for less")
                    return HostForecast(
                        accelerator: usual.accelerator, findings: usual.findings + (spec.dataDisk.size > .gibibytes(90) ? [finding] : []),
                        resources: usual.resources,
                        disk: usual.disk,
                        ports: spec.network.sshPort == nil
                            ? usual.ports : [PlannedPort(service: .ssh, address: "127.0.0.1", port: spec.network.sshPort, state: .taken)])
                }
            }
            let (_, terminal) = try await scratch.guide(
                Script.host + [("Data disk", "100GiB"), ("Data disk [10GiB]", "50GiB"), ("System disk", "")] + Script.cpu
                    + [("PostgreSQL's port", ""), ("SSH port", "2222"), ("SSH port [open]", "q")])
            #expect(terminal.transcript.contains("Not possible here: no space; try: ask for less"))
            #expect(terminal.transcript.contains("Not possible here: port 2222 on 127.0.0.1, asked for ssh, is in use"))
            #expect(try spec(scratch).dataDisk.size == .gibibytes(50))
        }
    }

    @Test("b goes to the question before, over the edge of a stop, and from the review to the last stop")
    func back() async throws {
        try await GuideScratch.with { scratch in
            let (_, terminal) = try await scratch.guide(
                [("Go on", "b"), ("Go on", "")] + [("Data disk", "20GiB"), ("System disk", "b"), ("Data disk [20GiB]", "b"), ("Go on", "")] + Script.disk
                    + Script.cpu
                    + Script.network + Script.image + Script.postgresql + [("Begin", "b")] + Script.postgresql + Script.stop)
            #expect(terminal.transcript.contains("This is the first stop."))
            #expect(try spec(scratch).dataDisk.size == .gibibytes(20))
        }
    }

    @Test("s leaves the rest of a stop as it is, and a leading = makes an answer of a key")
    func skip() async throws {
        try await GuideScratch.with { scratch in
            try await scratch.guide(
                [("Go on", "s"), ("Data disk", "s"), ("vCPUs", "3"), ("Memory", "s"), ("PostgreSQL's port", "s"), ("Image", "s"), ("Profile", "")]
                    + [("Packages from", ""), ("Version", ""), ("Time zone", ""), ("Database and its owner", "=b")] + Script.stop)
            let spec = try spec(scratch)
            #expect(spec.machine.vcpus == 3)
            #expect(spec.postgresql.databases == [.init(name: "b", owner: "b")])
            #expect(spec.postgresql.roles == [.init(name: "b")])
        }
    }

    @Test("? shows the commands by hand for every platform, l and ! say that there is nothing yet, r looks again")
    func keys() async throws {
        try await GuideScratch.with { scratch in
            let (_, terminal) = try await scratch.guide(
                [("Go on", "what"), ("Go on", "l"), ("Go on", "!"), ("Go on", "r"), ("Go on", ""), ("Data disk", "?"), ("Data disk", "q")])
            for part in ["QEMU, as pgkvm runs it", "libvirt (virsh, virt-install)", "Proxmox VE", "--virtio1 STORAGE:10,", "fallocate -l 10737418240"] {
                #expect(terminal.transcript.contains(part), "\(part)")
            }
            #expect(terminal.transcript.contains("nothing was logged"))
            #expect(terminal.transcript.contains("There is no guest yet"))
            #expect(terminal.transcript.contains("There is nothing to answer here"))
            #expect(terminal.shells == [])
        }
    }

    @Test("What is refused by the host cannot begin, and the spec can be stored all the same")
    func cannotBegin() async throws {
        try await GuideScratch.with { scratch in
            scratch.backend.forecast.withLock {
                $0 = HostForecast(
                    accelerator: nil, findings: [Finding(check: "host.usable", level: .fail, measured: "no QEMU", expected: "QEMU")], resources: [], disk: nil,
                    ports: [])
            }
            let (end, terminal) = try await scratch.guide(Script.all + [("Begin", "")] + Script.save)
            #expect(end.word == "saved")
            #expect(terminal.transcript.contains("It cannot begin: no QEMU"))
        }
    }

    @Test("Guided and from the file the plan is the same, byte for byte")
    func equalPlans() async throws {
        try await GuideScratch.with { scratch in
            let (end, terminal) = try await scratch.guide(
                Script.host + [("Data disk", "20 GiB"), ("System disk", "")] + Script.cpu + [
                    ("PostgreSQL's port", "15432"), ("SSH port", ""), ("Guest's address", "static"),
                ]
                    + Script.image + [
                        ("Profile", "oltp"), ("Packages from", "pgdg"), ("Version", "16"), ("Time zone", "Europe/Zurich"),
                        ("Database and its owner", "o'brien"),
                    ]
                    + [("Begin", "p")] + Script.save)
            guard case .saved(let file) = end else { throw Failure(.unsupported, "\(end)") }
            let planner = Planner(scratch.environment)
            let unattended = try await planner.plan(SpecFile.parse(Files.read(file), file: file.string))
            #expect(terminal.transcript.contains(PlanText.render(unattended, showsFiles: false)))
            let guided = try await planner.plan(try spec(scratch))
            let encoder = JSONEncoder()
            encoder.outputFormatting = .sortedKeys
            #expect(try encoder.encode(guided) == encoder.encode(unattended))
            #expect(unattended.packages.postgresqlVersion == 16)
            #expect(unattended.files.contains { $0.content.contains("o'brien") })
        }
    }

    @Test("A spec file is the answers to begin with; it is written over only when that is said")
    func fromFile() async throws {
        try await GuideScratch.with { scratch in
            let file = scratch.work.appending("mine.yaml")
            let text =
                "# my own words\nformatVersion: 1\nname: orders\ndata:\n  size: 30GiB\npostgresql:\n  roles: [{name: a}]\n  databases: [{name: x, owner: a}, {name: y, owner: a}]\n"
            try Files.write(text, to: file)
            let spec = try SpecFile.parse(text, file: "mine.yaml")
            let questions = Array(Script.all.dropLast())
            // Unchanged answers: the file is the spec file.
            let (first, told) = try await scratch.guide(questions + [("Begin", "w")], to: .file(file, spec))
            guard case .saved(let stored) = first else { throw Failure(.unsupported, "\(first)") }
            #expect(stored == file)
            #expect(told.transcript.contains("which stays as it is"))
            #expect(told.transcript.contains("roles or databases of its own"))
            #expect(try Files.readText(file) == text)
            // Another answer: a file beside it, unless its loss is agreed to.
            try Files.remove(try scratch.directory().path)
            let changed = Script.host + [("Data disk [30GiB]", "40GiB")] + Script.disk.dropFirst() + questions.dropFirst(3)
            let (second, _) = try await scratch.guide(
                changed + [("Begin", "w"), ("Store the spec file as [orders-guide.yaml]", "mine.yaml"), ("'mine.yaml' is there already. Its comments", "n")]
                    + [("Store the spec file as", "")], to: .file(file, spec))
            guard case .saved(let beside) = second else { throw Failure(.unsupported, "\(second)") }
            #expect(beside == scratch.work.appending("orders-guide.yaml"))
            #expect(try Files.readText(file) == text)
            // The draft and the file say different things now.
            let (third, _) = try await scratch.guide(
                [("Enter carries on with them", ""), ("Begin", "w"), ("Store the spec file as", "mine.yaml"), ("'mine.yaml' is there already", "y")],
                to: .file(file, spec))
            #expect(third.word == "saved")
            #expect(try SpecFile.parse(Files.read(file), file: "mine.yaml").dataDisk.size == .gibibytes(40))
        }
    }

    @Test("Without a name it is asked for, and a name that is none is refused with the rule")
    func name() async throws {
        try await GuideScratch.with { scratch in
            let (_, terminal) = try await scratch.guide(
                [("Name of the appliance [db]", "Bad Name"), ("Name of the appliance", "?"), ("Name of the appliance", "shop"), ("Go on", "q")], to: .open)
            #expect(terminal.transcript.contains("'Bad Name' is no name of an appliance. A name has 1 to 40"))
            // A stop without an answer is kept too, and proposed the next time.
            let (_, next) = try await scratch.guide([("Name of the appliance [shop]", .end)], to: .open)
            #expect(next.transcript.contains("Begun and not finished: shop."))
        }
    }

    @Test("Two guides for one appliance do not write over each other")
    func busy() async throws {
        try await GuideScratch.with { scratch in
            try await scratch.guide([("Go on", "q")])
            guard let lock = try FileLock.tryAcquire(scratch.directory().lock) else { throw Failure(.unsupported, "the lock is taken") }
            let error = await #expect(throws: Failure.self) { try await scratch.guide([]) }
            #expect(error?.code == .guideBusy)
            _ = consume lock
        }
    }

    @Test("The note of a later pgkvm is refused, and a damaged one only loses the place")
    func note() async throws {
        try await GuideScratch.with { scratch in
            try await scratch.guide(Script.host + Script.disk + [("vCPUs", "5"), ("Memory", "q")])
            let place = try scratch.directory()
            #expect(try Files.readText(place.note).contains("\"formatVersion\" : 1"))
            try Files.write("{ not json", to: place.note)
            try await scratch.guide([("Go on", "q")])
            #expect(try spec(scratch).machine.vcpus == 5)
            try Files.write(#"{"formatVersion": 2}"#, to: place.note)
            let error = await #expect(throws: Failure.self) { try await scratch.guide([]) }
            #expect(error?.code == .newerFormat)
        }
    }
}
