import ApplianceModel
import Basics
import HostSystem
import MachineBackend
import Quoting
import Synchronization
import TestSupport
import Testing

@testable import ProxmoxBackend

/// The drive of the first boot comes and goes as Proxmox VE 9.2 was seen to let it.
@Suite("The seed of a machine on Proxmox VE", .server)
struct SeedTests {
    private func config(_ rig: Rig) throws -> [String: String] { try #require(rig.ours.values.first?.config) }

    @Test("The drive does not get into the boot order, and comes off the running guest in the same run, with its medium")
    func unplugged() async throws {
        // The server takes the values of one request in random order.
        for _ in 0..<8 {
            try await Rig.run { rig in
                let machine = try await rig.deploy()
                #expect(try config(rig)["boot"] == "order=virtio0")
                #expect(try config(rig)["scsi1"]?.contains("pgkvm-seed-") == true)
                try await rig.backend.detachSeed(from: machine)
                #expect(try config(rig)["scsi1"] == nil)
                #expect(rig.ours[100]?.pending == [:])
                #expect(rig.ours[100]?.pendingDeletions == [])
                #expect(rig.seeds.isEmpty)
            }
        }
    }

    @Test("A boot order that somebody changed keeps what they put there")
    func foreignOrder() async throws {
        try await Rig.run { rig in
            let machine = try await rig.backend.create(rig.machineSpec)
            rig.change { $0.machines[100]?.config["boot"] = "order=net0;virtio0" }
            try await rig.backend.attachSeed(rig.seed(), to: machine)
            #expect(try config(rig)["boot"] == "order=net0;virtio0")
        }
    }

    @Test("A guest that is slow to give the drive back is asked again", arguments: [1, 3])
    func slowGuest(refusals: Int) async throws {
        try await Rig.run { rig in
            let machine = try await rig.deploy()
            rig.change { $0.busyUnplugs = refusals }
            try await rig.backend.detachSeed(from: machine)
            #expect(try config(rig)["scsi1"] == nil)
            #expect(rig.seeds.isEmpty)
        }
    }

    @Test(
        "A guest that keeps the drive loses the medium at once and the drive with its next stop",
        arguments: ["it does not answer", "the drive is in the boot order", "drives are not hotplugged"])
    func kept(case name: String) async throws {
        try await PVEServer.with { server in
            let told = Mutex<[String]>([])
            let rig = try Rig(server, report: { line in told.withLock { $0.append(line) } })
            let machine = try await rig.deploy()
            rig.change {
                switch name {
                case "it does not answer": $0.busyUnplugs = 100
                case "the drive is in the boot order": $0.machines[100]?.config["boot"] = "order=virtio0;scsi1"
                default: $0.hotplugsDisks = false
                }
            }
            try await rig.backend.detachSeed(from: machine)
            #expect(try config(rig)["scsi1"] == "none,media=cdrom")
            #expect(rig.seeds.isEmpty)
            #expect(told.withLock { $0.contains { $0.contains("until its next stop") } })
            // Once more, as another run would.
            try await rig.backend.detachSeed(from: machine)
            try await rig.backend.powerOff(machine)
            #expect(try config(rig)["scsi1"] == nil)
            #expect(try config(rig)["boot"] == "order=virtio0")
            try await rig.backend.start(machine)
            #expect(try await rig.backend.powerState(of: machine) == .running)
        }
    }

    @Test("A drive that was only written down does not come with the next start, when its medium is gone")
    func onlyPending() async throws {
        try await Rig.run { rig in
            let machine = try await rig.backend.create(rig.machineSpec)
            try await rig.backend.start(machine)
            rig.change { $0.hotplugsDisks = false }
            try await rig.backend.attachSeed(rig.seed(), to: machine)
            #expect(try config(rig)["scsi1"] == nil)
            #expect(rig.ours[100]?.pending["scsi1"] != nil)
            try await rig.backend.detachSeed(from: machine)
            try await rig.backend.powerOff(machine)
            try await rig.backend.start(machine)
            #expect(rig.seeds.isEmpty)
            #expect(try config(rig)["scsi1"] == nil)
        }
    }

    @Test("What cannot be taken away now has no secrets on it all the same; the next run takes it away")
    func locked() async throws {
        try await Rig.run { rig in
            let machine = try await rig.deploy()
            rig.change { $0.machines[100]?.config["lock"] = "backup" }
            #expect(await failure { try await rig.backend.detachSeed(from: machine) }?.code == .proxmoxLocked)
            let seed = try #require(rig.seeds.first)
            let file = try #require(rig.server.model.withLock { $0.files[seed] })
            #expect(try Files.read(file.path).allSatisfy { $0 == 0 })
            rig.change { $0.machines[100]?.config["lock"] = nil }
            try await rig.backend.detachSeed(from: machine)
            #expect(rig.seeds.isEmpty)
            #expect(try config(rig)["scsi1"] == nil)
        }
    }

    @Test("Killed before or after any change of the removal, then run again: no drive, no medium", arguments: [false, true])
    func killed(carriesOut: Bool) async throws {
        for busy in [0, 100] {
            try await PVEServer.with { server in
                func deployed() async throws -> (Rig, MachineReference) {
                    server.model.withLock {
                        $0 = PVEModel()
                        $0.busyUnplugs = busy
                    }
                    let rig = try Rig(server)
                    let machine = try await rig.deploy()
                    server.requests.withLock { $0 = [] }
                    return (rig, machine)
                }
                let (rig, machine) = try await deployed()
                try await rig.backend.detachSeed(from: machine)
                let numbers = server.requests.withLock { $0.enumerated().filter { $0.element.method != "GET" }.map { $0.offset + 1 } }
                #expect(numbers.count == (busy == 0 ? 3 : 9))
                for number in numbers {
                    let (rig, machine) = try await deployed()
                    server.model.withLock { $0.silence = (number, carriesOut) }
                    #expect(await failure { try await rig.backend.detachSeed(from: machine) } != nil, "request \(number)")
                    server.model.withLock { $0.silence = nil }
                    try await rig.backend.detachSeed(from: machine)
                    #expect(rig.seeds.isEmpty, "request \(number)")
                    try await rig.backend.powerOff(machine)
                    #expect(rig.ours[100]?.config["scsi1"] == nil, "request \(number)")
                    #expect(rig.ours[100]?.config["boot"] == "order=virtio0", "request \(number)")
                }
            }
        }
    }

    @Test("A change that is pending is told from one that is refused")
    func pending() throws {
        func failure(_ errors: String) throws -> Failure {
            let answer = PVEAnswer(
                status: 400, reason: "x", body: Array(#"{"message":"Parameter verification failed.\n","errors":\#(errors),"data":null}"#.utf8))
            return answer.failure(.version, token: try PVEToken(PVEServer.token, source: "the test"))
        }
        for words in [
            #"hotplug problem - can't unplug bootdisk 'scsi1'\n"#, #"hotplug problem - error on hot-unplugging device 'virtioscsi1' - still busy in guest?\n"#,
        ] {
            let pending = try failure(#"{"scsi1":"\#(words)"}"#)
            #expect(pending.code == .proxmoxPending)
            #expect(pending.remedy?.contains("pgkvm restart") == true)
        }
        #expect(try failure(#"{"scsi1":"hotplug problem - x","cores":"too many"}"#).code == .proxmoxParameters)
        #expect(try failure("{}").code == .proxmoxParameters)
    }

    @Test("The strict server cuts a value at a bare '='")
    func bareSign() async throws {
        try await Rig.run { rig in
            let machine = try await rig.backend.create(rig.machineSpec)
            let client = try rig.backend.client()
            var curl = try client.configuration(
                of: .configure(PVEPlace(node: "pve1", vmid: 100), [:], privilege: ""), at: ServerAddress(url: rig.server.url), publicKey: nil)
            try curl.set("data-raw", "scsi1=none,media=cdrom")
            let result = try await ProgramRunner.run("curl", ["--disable", "--config", "-"], input: Array(curl.text.utf8))
            #expect(result.outputText.contains("HTTP/1.1 400"))
            #expect(result.outputText.contains("duplicate key in comma-separated list property: file"))
            _ = try await client.data(.configure(PVEPlace(node: "pve1", vmid: 100), ["scsi1": "none,media=cdrom"], privilege: "VM.Config.CDROM"))
            try await rig.backend.delete(machine)
        }
    }
}
