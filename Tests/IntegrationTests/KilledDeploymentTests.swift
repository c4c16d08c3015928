import ApplianceModel
import Basics
import HostSystem
import SystemPackage
import TestSupport
import Testing

extension GuestTests {
    /// A deployment that ends before its end, again and again, and is carried on by the same command.
    @Suite("Killed deployments", .serialized)
    struct KilledDeploymentTests {
        static let name = "bravo"

        @Test("A deployment that is killed with -9 in every step, interrupted, and robbed of its QEMU ends in the same appliance as an undisturbed one")
        func killedInEveryStep() async throws {
            let undisturbed = try await Guests.undisturbed()
            let home = undisturbed.home
            let specFile = try SharedSpec.write(name: Self.name, network: "address: static", in: home)
            let bravo = Guest(home: home, name: Self.name)
            try await bravo.removedOnFailure { try await disturbAndCompare(bravo, specFile, undisturbed) }
            try await bravo.expectGone()
        }

        private func disturbAndCompare(_ bravo: Guest, _ specFile: FilePath, _ undisturbed: Undisturbed) async throws {
            let home = bravo.home
            for disturbance in Disturbance.all { try await disturb(bravo, specFile, disturbance) }

            let said = try await Stage.run("deploy bravo to its end") { try await home.check("deploy", Self.name) }
            #expect(said.contains("'bravo' is deployed and verified: PostgreSQL 17"), "\(said)")
            #expect(try await home.check("deploy", specFile.string).contains("nothing was changed"))
            try await bravo.verify().expectPassed()
            let network = try await bravo.root("cat /etc/systemd/network/05-pgkvm.network")
            #expect(network.contains("Address=10.0.2.15/24") && !network.contains("DHCP"), "\(network)")

            undisturbed.picture.expectSame(as: try await GuestPicture.take(of: bravo), but: ["/etc/systemd/network/05-pgkvm.network"])
            try await expectOneProcess(bravo)
            // Neither beside the appliances: those are this run's own.
            let hidden = try Files.list(home.path).filter { $0.hasPrefix(".") && !$0.hasPrefix(".output.") }
            #expect(hidden.allSatisfy { [".kept", ".cache"].contains($0) }, "\(hidden)")
            try await home.check("delete", Self.name, "--confirm", Self.name)
        }

        private func disturb(_ bravo: Guest, _ specFile: FilePath, _ disturbance: Disturbance) async throws {
            try await Stage.run("bravo: \(disturbance.name)") {
                // Where the last kill came late, the step that is meant is done already.
                if let step = disturbance.step, try Disturbance.journal(bravo).contains(Disturbance.finished(step)) {
                    try await bravo.home.check("delete", Self.name, "--confirm", Self.name)
                }
                let before = Disturbance.Before(journalSize: size(bravo.journal), serialSize: size(bravo.records.log(MachineDirectory.Record.serialLog)))
                let deployment = try bravo.home.start("deploy", specFile.string)
                defer { deployment.send(9) }
                let came = try await deployment.waiting { try disturbance.isTime(bravo, before) || disturbance.hasPassed(deployment.output) ? true : nil }
                try #require(came == true, "it never came to this:\n\(deployment.output)")
                try await ContinuousClock().sleep(for: disturbance.delay)
                try await disturbance.act(bravo, deployment)
                // Whatever happened, the appliance can be asked, and at most one machine runs.
                #expect(try await bravo.status().deployment == "incomplete")
                try await expectOneProcess(bravo, or: 0)
            }
        }

        private func size(_ path: FilePath) -> Int64 { Files.status(path)?.size.bytes ?? 0 }

        /// Expects that of this appliance QEMU runs once (or not at all, where that is allowed), and nothing else.
        private func expectOneProcess(_ guest: Guest, or other: Int = 1, sourceLocation: SourceLocation = #_sourceLocation) async throws {
            // QEMU's command stands behind its keeper's, too.
            func isKeeper(_ text: String) -> Bool { text.contains(" run-machine ") && text.contains("guest=\(guest.name),") }
            func isMachine(_ text: String) -> Bool { text.contains("guest=\(guest.name),") && !isKeeper(text) }
            func isOfMachine(_ text: String) -> Bool { isKeeper(text) || isMachine(text) }
            // A program that a killed pgkvm was running, such as a copy, comes to its own end.
            let clock = ContinuousClock()
            _ = try await poll(every: .milliseconds(100), until: clock.now + .seconds(60), on: clock) { guest.processes.allSatisfy(isOfMachine) ? true : nil }
            let processes = guest.processes
            #expect([1, other].contains(processes.count(where: isMachine)), sourceLocation: sourceLocation)
            #expect(processes.count(where: isKeeper) <= 1, sourceLocation: sourceLocation)
            #expect(processes.allSatisfy(isOfMachine), "\(processes)", sourceLocation: sourceLocation)
        }
    }
}

/// One way in which a deployment is cut off, and the moment for it.
struct Disturbance: Sendable {
    /// How far things had come when the run began.
    struct Before {
        let journalSize: Int64
        let serialSize: Int64
    }

    let name: String
    /// The step that has to begin for it.
    var step: String?
    var delay: Duration = .zero
    let isTime: @Sendable (Guest, Before) throws -> Bool
    let act: @Sendable (Guest, BackgroundProgram) async throws -> Void

    /// Every step is killed as it begins, and the long ones in their midst too.
    static let all: [Disturbance] = [
        .kill(in: "check-host"), .kill(in: "prepare-image"), .kill(in: "configure-disk"), .kill(in: "configure-cpu"), .kill(in: "configure-network"),
        .kill(in: "create-machine"),
        .kill("while the disks are made") { guest, _ in Files.exists(guest.machine.appending("system.partial")) },
        .kill("while the seed is made") { guest, _ in Files.exists(guest.machine.appending("vars.fd")) },
        .kill(in: "boot-guest"),
        .kill("in the midst of the boot", after: .seconds(4), serialGrown),
        .endQEMU,
        .interrupt(2, "with SIGINT in the midst of the boot", after: .seconds(1), serialGrown),
        .kill("as the guest begins its work") { guest, before in try journal(guest, before).contains(#""kind":"fact","fact":"data-disk""#) },
        .kill("when both host keys are pinned") { guest, before in try journal(guest, before).contains(#""kind":"fact","fact":"host-key""#) },
        .kill("when the new host key is pinned") { guest, before in
            try journal(guest, before).split(separator: "\n").contains {
                $0.contains(#""fact":"host-key""#) && $0.contains(#""pinned":["#) && !$0.contains(",\"SHA256")
            }
        },
        .kill("when the seed is gone") { guest, _ in !Files.exists(guest.machine.appending("seed.iso")) },
        .kill(in: "prepare-data-disk"), .kill(in: "prepare-data-disk", after: .seconds(2)),
        .kill(in: "install-postgresql"), .kill(in: "install-postgresql", after: .seconds(10)),
        .interrupt(15, "with SIGTERM in install-postgresql", step: "install-postgresql", after: .seconds(2), started("install-postgresql")),
        .kill(in: "configure-postgresql"), .kill(in: "configure-postgresql", after: .seconds(8)),
        .kill(in: "verify"),
    ]

    private static func kill(in step: String, after delay: Duration = .zero) -> Disturbance {
        var disturbance = kill("in \(step)" + (delay == .zero ? "" : " after \(delay)"), after: delay, started(step))
        disturbance.step = step
        return disturbance
    }

    private static func kill(_ name: String, after delay: Duration = .zero, _ isTime: @escaping @Sendable (Guest, Before) throws -> Bool) -> Disturbance {
        Disturbance(name: "killed \(name)", delay: delay, isTime: isTime) { _, deployment in
            deployment.send(9)
            let status = try await deployment.end()
            // Not its own end, which would be another status.
            #expect(status == 128 + 9, "\(deployment.output)")
        }
    }

    private static func interrupt(
        _ signal: Int32, _ name: String, step: String? = nil, after delay: Duration, _ isTime: @escaping @Sendable (Guest, Before) throws -> Bool
    ) -> Disturbance {
        Disturbance(name: "interrupted \(name)", step: step, delay: delay, isTime: isTime) { guest, deployment in
            deployment.send(signal)
            let status = try await deployment.end()
            #expect(status == 130, "\(deployment.output)")
            for line in ["pgkvm deploy \(guest.name)\n", "pgkvm delete \(guest.name)\n"] {
                #expect(deployment.output.contains(line), "'\(line)' is not in:\n\(deployment.output)")
            }
            let state = try await guest.status().state
            #expect(state == "running")
        }
    }

    /// The guest's power is cut while it boots.
    private static let endQEMU = Disturbance(name: "QEMU killed in the midst of the boot", isTime: serialGrown) { guest, deployment in
        // Until the run itself watches the console it takes a guest that is off for one to be started.
        let watches = try await deployment.waiting { deployment.output.contains("    guest: ") ? true : nil }
        try #require(watches == true, "\(deployment.output)")
        try ProcessTable.kill(try #require(try await guest.status().processID))
        let status = try await deployment.end()
        #expect(status == 1, "\(deployment.output)")
        for part in ["the guest's machine ended while booting; the last console lines:\n", "pgkvm logs bravo --qemu"] {
            #expect(deployment.output.contains(part), "'\(part)' is not in:\n\(deployment.output)")
        }
        let state = try await guest.status().state
        #expect(state == "off")
    }

    /// Whether the run found the step's work done: what the guest was given to do ahead it does while nobody is there.
    func hasPassed(_ output: String) -> Bool {
        guard let step, let index = Self.steps.firstIndex(of: step) else { return false }
        return output.contains("[\(index + 1)/\(Self.steps.count)] ")
    }

    static let steps = [
        "check-host", "prepare-image", "configure-disk", "configure-cpu", "configure-network", "create-machine", "boot-guest", "prepare-data-disk",
        "install-postgresql", "configure-postgresql", "verify",
    ]

    /// What the journal says of a step that is done.
    static func finished(_ step: String) -> String { #""kind":"stepFinished","step":"\#(step)""# }

    /// The whole journal; empty where there is none.
    static func journal(_ guest: Guest) throws -> String { try journal(guest, Before(journalSize: 0, serialSize: 0)) }

    /// Whether the journal tells that the step began since it had that size.
    static func began(_ step: String, _ guest: Guest, after size: Int64) throws -> Bool {
        try started(step)(guest, Before(journalSize: size, serialSize: 0))
    }

    /// The journal tells that the step began in this run.
    private static func started(_ step: String) -> @Sendable (Guest, Before) throws -> Bool {
        { guest, before in try journal(guest, before).contains(#""kind":"stepStarted","step":"\#(step)""#) }
    }

    /// The guest has printed whole lines in this run.
    private static func serialGrown(_ guest: Guest, _ before: Before) throws -> Bool {
        (Files.status(guest.records.log(MachineDirectory.Record.serialLog))?.size.bytes ?? 0) > before.serialSize + 200
    }

    /// What this run wrote into the journal.
    private static func journal(_ guest: Guest, _ before: Before) throws -> String {
        guard let size = Files.status(guest.journal)?.size.bytes, size > before.journalSize else { return "" }
        return String(decoding: try Files.read(guest.journal, from: before.journalSize, limit: Int(size - before.journalSize)), as: UTF8.self)
    }
}
