import ApplianceModel
import HostSystem
import MachineBackend
import Synchronization
import SystemPackage
import TestSupport
import Testing

@testable import ProxmoxBackend

/// What goes wrong before or while a machine is made: the message says what, why and what helps; nothing half-made stays.
struct CreationFault: Sendable, CustomTestStringConvertible {
    let name: String
    let code: Failure.Code
    /// What the message has to hold.
    let says: [String]
    /// What the remedy has to hold.
    let helps: String
    /// Whether the same is refused by the look before anything is made.
    var isSeenBefore = true
    var connection: @Sendable (inout ProxmoxConnection) -> Void = { _ in }
    var bridge = "vmbr0"
    var vcpus = 2
    let arrange: @Sendable (inout PVEModel) -> Void

    var testDescription: String { name }

    static let all = [
        CreationFault(
            name: "no storage with import", code: .proxmoxNoImportStorage, says: ["'pve1'", "content type 'import'"],
            helps: "pvesm set local --content images,import,iso"
        ) { $0.stores["local"]?.content = ["images", "iso"] },
        CreationFault(
            name: "the named store is not for images", code: .proxmoxNoStorage, says: ["'local'", "content types are import, iso"],
            helps: "pvesm set local --content images,import,iso", connection: { $0.storage = "local" }
        ) { $0.stores["local"]?.content = ["import", "iso"] },
        CreationFault(
            name: "a store that is not there", code: .proxmoxNoStorage, says: ["no store 'fast'", "machine.proxmox.storage"], helps: "'local'",
            connection: { $0.storage = "fast" }
        ) { _ in },
        CreationFault(
            name: "a store that is not active", code: .proxmoxNoStorage, says: ["'nas'", "not active"], helps: "pvesm status",
            connection: { $0.storage = "nas" }
        ) {
            $0.stores["nas"] = PVEModel.Store(kind: "nfs", content: ["images"])
            $0.stores["nas"]?.isActive = false
        },
        CreationFault(
            name: "full storage", code: .proxmoxStorageFull, says: ["'local'", "5120 MiB free", "need 18432 MiB"], helps: "machine.proxmox.storage"
        ) { $0.stores["local"]?.used = .gibibytes(195) },
        CreationFault(
            name: "storage that fills up meanwhile", code: .proxmoxTaskFailed,
            says: ["the creation of VM 100 failed on node 'pve1'", "insufficient free space"],
            helps: "pvenode task log", isSeenBefore: false
        ) { $0.faults = [PVEModel.Fault("POST", "/qemu", .failTask("volume group has insufficient free space"))] },
        CreationFault(
            name: "unknown bridge", code: .proxmoxNoBridge, says: ["'pve1'", "no bridge 'vmbr7'"], helps: "vmbr0", bridge: "vmbr7"
        ) { _ in },
        CreationFault(
            name: "more processors than the node has", code: .proxmoxNoRoom, says: ["8 processors", "machine.vcpus", "64"], helps: "ask for less", vcpus: 64
        ) { _ in },
        CreationFault(
            name: "a node that is offline", code: .proxmoxNode, says: ["'pve2' is offline"], helps: "auto", connection: { $0.node = "pve2" }
        ) {
            $0.nodes["pve2"] = PVEModel.Node()
            $0.nodes["pve2"]?.isOnline = false
        },
        CreationFault(
            name: "a node that is not there", code: .proxmoxNode, says: ["no node 'pve9'"], helps: "pve1", connection: { $0.node = "pve9" }
        ) { _ in },
        CreationFault(
            name: "a node that goes away", code: .proxmoxNode, says: ["does not answer", "No route to host"], helps: "pvecm status", isSeenBefore: false
        ) {
            $0.faults = [
                PVEModel.Fault("POST", "/qemu", .answer(status: 595, reason: "Errors during connection establishment: No route to host", body: ""))
            ]
        },
        CreationFault(
            name: "a server that is too old", code: .proxmoxTooOld, says: ["8.2", "8.3"], helps: "dist-upgrade"
        ) { $0.release = "8.2" },
        CreationFault(
            name: "HA without shared storage", code: .proxmoxNotShared, says: ["ha", "'local'", "not shared"], helps: "ha: false", connection: { $0.ha = true }
        ) { _ in },
        CreationFault(
            name: "no right to make machines", code: .proxmoxPermission, says: ["deploy@pve!ci", "VM.Allocate on /vms"],
            helps: "pveum acl modify /vms --users 'deploy@pve' --tokens 'deploy@pve!ci'", isSeenBefore: false
        ) { $0.faults = [PVEModel.Fault("POST", "/qemu", .answer(status: 403, reason: "Permission check failed", body: #"{"data":null}"#))] },
        CreationFault(
            name: "no right to disks", code: .proxmoxPermission, says: ["VM.Config.Disk on /vms"], helps: "--privs 'VM.Config.Disk'", isSeenBefore: false
        ) {
            $0.faults = [
                PVEModel.Fault("POST", "/qemu", .answer(status: 403, reason: "x", body: #"{"message":"Permission check failed (/vms/100, VM.Config.Disk)\n"}"#))
            ]
        },
        CreationFault(
            name: "no right to upload", code: .proxmoxPermission, says: ["Datastore.AllocateTemplate on /storage/local"],
            helps: "pveum acl modify /storage/local",
            isSeenBefore: false
        ) {
            $0.privileges = ["/": ["Datastore.Audit", "Datastore.AllocateSpace", "SDN.Use", "VM.Audit"]]
        },
        CreationFault(
            name: "parameters that this version refuses", code: .proxmoxParameters, says: ["cores: no", "vga: neither"], helps: "version", isSeenBefore: false
        ) {
            $0.faults = [
                PVEModel.Fault(
                    "POST", "/qemu",
                    .answer(status: 400, reason: "Parameter verification failed.", body: #"{"errors":{"vga":"neither","cores":"no\n"},"data":null}"#))
            ]
        },
        CreationFault(
            name: "an image that arrives damaged", code: .proxmoxTaskFailed, says: ["the upload of the image failed", "checksum mismatch"],
            helps: "pvenode task log",
            isSeenBefore: false
        ) { $0.faults = [PVEModel.Fault("POST", "/upload", .failTask("checksum mismatch"))] },
        CreationFault(
            name: "a connection that is cut in the upload", code: .proxmoxUnreachable, says: ["was cut", "/nodes/pve1/storage/local/upload"],
            helps: "carries on", isSeenBefore: false
        ) { $0.faults = [PVEModel.Fault("POST", "/upload", .cutUpload(after: 20_000))] },
        CreationFault(
            name: "a connection that is cut at the creation", code: .proxmoxUnreachable, says: ["was cut", "POST /nodes/pve1/qemu"], helps: "carries on",
            isSeenBefore: false
        ) { $0.faults = [PVEModel.Fault("POST", "/qemu", .cutBefore)] },
        CreationFault(
            name: "a system disk that cannot grow", code: .proxmoxTaskFailed, says: ["the growth of the system disk failed"], helps: "pvenode task log",
            isSeenBefore: false
        ) { $0.faults = [PVEModel.Fault("PUT", "/resize", .failTask("volume group has insufficient free space"))] },
        CreationFault(
            name: "a name that is a stranger's", code: .machineStranger, says: ["VM 200", "'orders'"], helps: "qm set 200 --name", isSeenBefore: false
        ) { $0.machines[200] = stranger(name: "orders", tags: "pgkvm") },
    ]
}

@Suite("Faults of Proxmox VE", .server)
struct FaultTests {
    @Test("Refuses or fails with what, why and a remedy; nothing half-made stays, and nothing foreign is touched", arguments: CreationFault.all)
    func creation(fault: CreationFault) async throws {
        var model = PVEModel()
        model.machines[300] = stranger()
        fault.arrange(&model)
        let strangers = model.strangers
        try await Rig.run(model, change: fault.connection) { rig in
            var spec = Rig.spec(bridge: fault.bridge)
            spec.machine.vcpus = fault.vcpus
            let before = await failure { _ = try await rig.backend.checkHost(spec) }
            if fault.isSeenBefore {
                #expect(before?.code == fault.code, "\(before?.message ?? "nothing")")
            } else {
                #expect(before == nil || fault.code == .proxmoxPermission)
            }
            var error = before
            if error == nil { error = await failure { _ = try await rig.backend.create(rig.machineSpec(vcpus: fault.vcpus, bridge: fault.bridge)) } }
            #expect(error?.code == fault.code, "\(error?.message ?? "nothing")")
            for text in fault.says { #expect(error?.message.contains(text) == true, "\(error?.message ?? "nothing")") }
            #expect(error?.remedy?.contains(fault.helps) == true, "\(error?.remedy ?? "nothing")")
            #expect(rig.ours.isEmpty && rig.machines.values.allSatisfy { $0.config["lock"] == nil })
            #expect(rig.server.model.withLock { $0.strangers } == strangers)
            #expect(rig.machines.values.allSatisfy { $0.state == "running" })
        }
    }

    @Test("What was refused or cut works at the second try")
    func again() async throws {
        for fault in CreationFault.all where ["cut", "fills", "damaged", "grow", "goes away"].contains(where: fault.name.contains) {
            var model = PVEModel()
            fault.arrange(&model)
            try await Rig.run(model) { rig in
                #expect(await failure { _ = try await rig.backend.create(rig.machineSpec) }?.code == fault.code, "\(fault.name)")
                _ = try await rig.backend.create(rig.machineSpec)
                #expect(rig.ours.count == 1 && rig.machines.count == 1)
            }
        }
    }

    @Test("A start that the server refuses tells the end of the log, and the machine stays for whoever looks")
    func startRefused() async throws {
        try await Rig.run { rig in
            let machine = try await rig.backend.create(rig.machineSpec)
            rig.change { $0.nodes["pve1"]?.hasKVM = false }
            let error = await failure { try await rig.backend.start(machine) }
            #expect(error?.code == .proxmoxTaskFailed)
            #expect(error?.message.contains("KVM virtualisation configured, but not available") == true)
            #expect(try await rig.backend.powerState(of: machine) == .off)
        }
    }

    @Test("A task that never ends is given up, with the line that shows and the one that ends it")
    func endless() async throws {
        var model = PVEModel()
        model.faults = [PVEModel.Fault("POST", "/qemu", .endlessTask)]
        try await PVEServer.with(model) { server in
            var timing = Rig.timing
            timing.copySilence = .milliseconds(100)
            let connection = ProxmoxConnection(url: server.url, trust: .authority(server.authority))
            let rig = try Rig(server)
            let backend = ProxmoxBackend(connection: connection, environment: { $0 == PVEToken.variable ? PVEServer.token : nil }, timing: timing)
            let error = await failure { _ = try await backend.create(rig.machineSpec) }
            #expect(error?.code == .proxmoxTaskEndless)
            #expect(error?.message.contains("says nothing new") == true)
            #expect(error?.remedy?.contains("pvenode task log 'UPID:pve1:") == true)
            // The work was ended, so that it leaves nothing either.
            #expect(server.model.withLock { $0.machines.isEmpty })
        }
    }

    @Test("A machine that was changed by hand is named, and not made anew or deleted")
    func changedByHand() async throws {
        try await Rig.run { rig in
            let machine = try await rig.deploy()
            try await rig.backend.powerOff(machine)
            let config = try #require(rig.ours[100]?.config)
            // Its data disk was taken away.
            rig.change { $0.machines[100]?.config["virtio1"] = nil }
            for call in [
                { try await rig.backend.start(machine) }, { _ = try await rig.backend.create(rig.machineSpec) },
                { _ = try await rig.backend.dataDisk(of: machine) },
            ] {
                let error = await failure(call)
                #expect(error?.code == .proxmoxChanged && error?.message.contains("VM 100") == true)
            }
            // Its notes were emptied: now it may be anybody's.
            rig.change { $0.machines[100]?.config["description"] = nil }
            for call in [
                { try await rig.backend.start(machine) }, { try await rig.backend.delete(machine) }, { try await rig.backend.detachSeed(from: machine) },
            ] {
                let error = await failure(call)
                #expect(error?.code == .machineStranger && error?.remedy?.contains("notes") == true)
            }
            #expect(rig.machines.count == 1)
            // Written back, everything goes on; a medium that somebody else put in stays.
            rig.change {
                $0.machines[100]?.config = config
                $0.machines[100]?.config["scsi1"] = "local:iso/debian.iso,media=cdrom"
            }
            #expect(await failure { try await rig.backend.detachSeed(from: machine) }?.code == .proxmoxChanged)
            rig.change { $0.machines[100]?.config = config }
            try await rig.backend.delete(machine)
            #expect(rig.machines.isEmpty)
        }
    }

    @Test("A machine that is locked, and one that the token does not see, are no reason to take it for absent")
    func unseen() async throws {
        try await Rig.run { rig in
            let machine = try await rig.backend.create(rig.machineSpec)
            rig.change { $0.machines[100]?.config["lock"] = "backup" }
            let locked = await failure { try await rig.backend.delete(machine) }
            #expect(locked?.code == .proxmoxLocked && locked?.remedy?.contains("qm unlock") == true)
            rig.change {
                $0.machines[100]?.config["lock"] = nil
                $0.privileges = ["/storage/local": ["Datastore.Audit"]]
            }
            let unseen = await failure { _ = try await rig.backend.powerState(of: machine) }
            #expect(unseen?.code == .proxmoxPermission && unseen?.remedy?.contains("VM.Audit") == true)
        }
    }

    @Test("While its node is away nobody says that there is no machine")
    func nodeAway() async throws {
        var model = PVEModel()
        model.nodes["pve2"] = PVEModel.Node()
        try await Rig.run(model, change: { $0.node = "pve2" }) { rig in
            let machine = try await rig.deploy()
            rig.change { $0.nodes["pve2"]?.isOnline = false }
            #expect(await failure { _ = try await rig.backend.powerState(of: machine) }?.code == .proxmoxNode)
            #expect(await failure { _ = try await rig.backend.find(rig.deployment, name: rig.spec.name) }?.code == .proxmoxNode)
            #expect(await failure { try await rig.backend.delete(machine) }?.code == .proxmoxNode)
            rig.change { $0.nodes["pve2"]?.isOnline = true }
            try await rig.backend.delete(machine)
            #expect(rig.machines.isEmpty)
        }
    }

    @Test("A guest that does not hear goes on running, and that is said")
    func deaf() async throws {
        try await Rig.run { rig in
            let machine = try await rig.deploy()
            rig.change { $0.machines[100]?.isDeaf = true }
            #expect(await failure { try await rig.backend.shutDown(machine, grace: .seconds(1)) }?.code == .machineStillRunning)
            #expect(try await rig.backend.powerState(of: machine) == .running)
        }
    }

    @Test("A store without room for more leaves the data disk as it was")
    func fullGrowth() async throws {
        try await Rig.run { rig in
            let machine = try await rig.backend.create(rig.machineSpec)
            let error = await failure { try await rig.backend.growDataDisk(to: .gibibytes(2000), of: machine) }
            #expect(error?.code == .diskFull)
            #expect(try await rig.backend.dataDisk(of: machine) == .gibibytes(10))
        }
    }

    @Test("An image that is not what its name says is refused before it is sent")
    func image() async throws {
        try await Rig.run { rig in
            let error = await failure { _ = try await rig.backend.create(rig.machineSpec(format: .raw)) }
            #expect(error?.code == .proxmoxImageUnfit)
            #expect(rig.files.isEmpty && rig.machines.isEmpty)
        }
    }

    @Test("What no Proxmox can do is refused with the reason")
    func unsupported() async throws {
        let connection = ProxmoxConnection(url: "https://127.0.0.1:1")
        let backend = ProxmoxBackend(connection: connection, environment: { _ in nil })
        var specs: [ApplianceSpec] = []
        for mode in [ApplianceSpec.Network.Mode.user, .tap] {
            var spec = Rig.spec()
            spec.network.mode = mode
            specs.append(spec)
        }
        var adopting = Rig.spec()
        adopting.dataDisk.adopt = "/x"
        var overlay = Rig.spec()
        overlay.machine.systemDisk.layout = .overlay
        for spec in specs + [adopting, overlay] {
            let error = await failure { _ = try await backend.checkHost(spec) }
            #expect(error?.code == .unsupported && error?.remedy != nil)
        }
    }
}

@Suite("Who the server is, and who we are", .server)
struct TrustTests {
    private func check(_ server: PVEServer, token: String = PVEServer.token, _ trust: ProxmoxConnection.Trust) async throws -> Failure? {
        let rig = try Rig(server, token: token, trust: trust)
        return await failure { _ = try await rig.backend.checkHost(rig.spec) }
    }

    @Test("A certificate of the named authority, or with the pinned fingerprint, is taken; every other is refused before the token is sent")
    func trust() async throws {
        try await PVEServer.with { server in
            #expect(try await check(server, .authority(server.authority)) == nil)
            #expect(try await check(server, .fingerprint(server.fingerprint)) == nil)
            #expect(try await check(server, .fingerprint(server.fingerprint.lowercased())) == nil)
            let taken = server.requests.withLock { $0.count }
            let unknown = try await check(server, .system)
            #expect(unknown?.code == .proxmoxCertificate && unknown?.remedy?.contains("pve-root-ca.pem") == true)
            let wrong = try await check(server, .fingerprint(String(repeating: "AB:", count: 31) + "AB"))
            #expect(wrong?.code == .proxmoxFingerprint && wrong?.message.contains(server.fingerprint) == true)
            #expect(try await check(server, .fingerprint("AB:CD"))?.code == .proxmoxFingerprint)
            #expect(try await check(server, .authority("/nowhere.pem"))?.code == .proxmoxCertificate)
            #expect(server.requests.withLock { $0.count } == taken)
        }
    }

    @Test("Another server with a certificate of its own is refused, also after the first look")
    func replaced() async throws {
        try await PVEServer.with { first in
            let pin = ServerPin()
            let address = try ServerAddress(url: first.url)
            let key = try await pin.publicKey(fingerprint: first.fingerprint, authority: address)
            try await PVEServer.with(hasOwnKey: true) { second in
                // The key of the one is demanded of the other.
                let token = try PVEToken(PVEServer.token, source: "the test")
                let connection = ProxmoxConnection(url: second.url, trust: .fingerprint(first.fingerprint))
                let client = PVEClient(connection: connection, token: token, pin: pin, timing: Rig.timing)
                #expect(key.hasPrefix("sha256//"))
                #expect(await failure { _ = try await client.data(.version) }?.code == .proxmoxFingerprint)
                #expect(second.requests.withLock { $0.isEmpty })
            }
        }
    }

    @Test("An expired certificate and one for another name say so")
    func unfit() async throws {
        try await PVEServer.with(validity: 0) { server in
            let error = try await check(server, .authority(server.authority))
            #expect(error?.code == .proxmoxCertificate && error?.message.contains("expired") == true && error?.remedy?.contains("updatecerts") == true)
        }
        try await PVEServer.with(name: "DNS:elsewhere.example") { server in
            let error = try await check(server, .authority(server.authority))
            #expect(error?.code == .proxmoxCertificate && error?.remedy?.contains("name or an address") == true)
        }
    }

    @Test("A wrong token is refused with the empty answer of the server, and its text is nowhere")
    func wrongToken() async throws {
        var model = PVEModel()
        model.refusalDelay = .milliseconds(300)
        try await PVEServer.with(model) { server in
            let secret = "11111111-2222-3333-4444-555555555555"
            let log = Mutex<[String]>([])
            let error = try await DebugLog.$current.withValue(DebugLog(echo: { _, line in log.withLock { $0.append(line) } })) {
                try await check(server, token: "deploy@pve!ci=\(secret)", .authority(server.authority))
            }
            #expect(error?.code == .proxmoxToken && error?.message.contains("Authentication failed!") == true)
            #expect(error?.remedy?.contains("pveum user token") == true)
            let lines = log.withLock { $0 }
            #expect(lines.contains { $0.contains("curl --disable --config -") } && lines.contains { $0.contains("GET /version -> 401") })
            for text in lines + [error?.message ?? "", error?.remedy ?? ""] { #expect(!text.contains(secret)) }
        }
    }

    @Test("A server that is not there, one that is no Proxmox VE, and an address that is none")
    func elsewhere() async throws {
        func code(_ url: String) async -> Failure.Code? {
            let backend = ProxmoxBackend(
                connection: ProxmoxConnection(url: url), environment: { $0 == PVEToken.variable ? PVEServer.token : nil }, timing: Rig.timing)
            return await failure { _ = try await backend.checkHost(Rig.spec()) }?.code
        }
        #expect(await code("https://127.0.0.1:1") == .proxmoxUnreachable)
        for url in ["http://127.0.0.1:8006", "127.0.0.1", "https://pve1:99999", "https://pve1/api2/json", "https://a b", "https://user@pve1"] {
            #expect(await code(url) == .proxmoxNotProxmox, "\(url)")
        }
        var model = PVEModel()
        model.faults = [PVEModel.Fault("GET", "/version", .answer(status: 200, reason: "OK", body: "<html>hello</html>"))]
        try await Rig.run(model) { rig in
            #expect(await failure { _ = try await rig.backend.checkHost(rig.spec) }?.code == .proxmoxNotProxmox)
        }
    }

    @Test("The token comes from a file that is closed to others, else from the environment, else from systemd's credentials")
    func tokenSources() throws {
        let directory = try Files.createTemporaryDirectory(in: "/tmp", prefix: "pgkvm-token")
        defer { try? Files.remove(directory) }
        let file = directory.appending(PVEToken.credential)
        try Files.write("  \(PVEServer.token)\n", to: file)
        #expect(try PVEToken.find(file: file, environment: { _ in nil }).identifier == "deploy@pve!ci")
        #expect(try PVEToken.find(file: nil, environment: { $0 == "CREDENTIALS_DIRECTORY" ? directory.string : nil }).user == "deploy@pve")
        let token = try PVEToken.find(file: nil, environment: { $0 == PVEToken.variable ? PVEServer.token : nil })
        #expect(!"\(token)".contains("0b2c4a46"))
        for mode in [FilePermissions([.ownerReadWrite, .groupRead]), FilePermissions([.ownerReadWrite, .otherRead])] {
            try Files.write(PVEServer.token, to: file, mode: mode)
            let error = #expect(throws: Failure.self) { try PVEToken.find(file: file, environment: { _ in nil }) }
            #expect(error?.code == .proxmoxToken && error?.remedy?.contains("chmod 0600") == true)
        }
        let secret = "0b2c4a46-bbd3-95ac-1734-a424d049c368"
        for text in ["", "root@pam!ci", "PVEAPIToken=deploy@pve!ci=\(secret)", "deploy!ci=\(secret)", "deploy@pve!ci=\(secret)\nX: y", "deploy@pve!ci=123"] {
            let error = #expect(throws: Failure.self) { try PVEToken(text, source: "the test") }
            #expect(error?.code == .proxmoxToken && error?.message.contains(secret) == false)
        }
        #expect(throws: Failure.self) { try PVEToken.find(file: nil, environment: { _ in nil }) }
        #expect(throws: Failure.self) { try PVEToken.find(file: "/nowhere", environment: { _ in nil }) }
    }
}
