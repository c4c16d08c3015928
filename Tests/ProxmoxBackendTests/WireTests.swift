import ApplianceModel
import Basics
import MachineBackend
import Quoting
import SystemPackage
import TestSupport
import Testing

@testable import ProxmoxBackend

@Suite("What Proxmox VE was recorded to answer")
struct WireTests {
    /// The recorded answer, as it came over the wire.
    private func answer(_ name: String) throws -> PVEAnswer {
        let exchange = try #require(PVESchema.exchanges().first { $0["name"]?.string == name }, "\(name)")
        return try Self.answer(exchange)
    }

    private static func answer(_ exchange: JSONValue) throws -> PVEAnswer {
        let text =
            "HTTP/1.1 \(exchange["status"]?.integer ?? 0) \(exchange["reason"]?.string ?? "")\r\nConnection: close\r\n\r\n\(exchange["body"]?.string ?? "")"
        return try #require(PVEAnswer(wire: Array(text.utf8)))
    }

    private func data(_ name: String) throws -> JSONValue { try answer(name).data(.version, token: token) }
    private var token: PVEToken { get throws { try PVEToken(PVEServer.token, source: "the test") } }

    @Test("Every answer is read: data where it went well, else a failure with a message and a remedy")
    func all() throws {
        let exchanges = try PVESchema.exchanges()
        #expect(exchanges.count > 100)
        for exchange in exchanges {
            let answer = try Self.answer(exchange)
            guard answer.isSuccess else {
                let error = #expect(throws: Failure.self) { try answer.data(.version, token: token) }
                #expect(error?.message.isEmpty == false && error?.remedy != nil && error?.code.rawValue.hasPrefix("proxmox.") == true)
                continue
            }
            _ = try answer.data(.version, token: token)
        }
    }

    @Test("The decoders find in them what they need")
    func decoded() throws {
        #expect(try data("version")["release"]?.text.flatMap { PVERelease($0) } == PVERelease(major: 9, minor: 2))
        #expect(try data("nextid").count == 100)
        let cluster = ClusterView(nodes: try data("nodes"), resources: try data("resources"))
        #expect(cluster.nodes.map(\.name) == ["pve1"] && cluster.nodes[0].isOffline == false && cluster.nodes[0].memory == nil)
        #expect(cluster.machines.map(\.place) == [PVEPlace(node: "pve1", vmid: 100)] && cluster.machines[0].tags == ["mkdb"])
        let stores = try data("storages-import").elements.compactMap(StoreView.init(status:))
        #expect(stores.map(\.name) == ["local"] && stores[0].isActive && stores[0].content.contains("import") && stores[0].available.bytes == 74_747_879_424)
        #expect(try data("bridges").elements.map { $0["iface"]?.text } == ["vmbr0"])
        let config = MachineConfig(data: try data("seed-config"))
        #expect(config.size(of: "virtio0") == .gibibytes(3) && config.drive(serial: "pgdata") == "virtio1" && config.macAddress == "BC:24:11:65:9C:76")
        #expect(config.processor == CPUDecision(accelerator: .kvm, vcpus: 1, memory: .gibibytes(1)) && config.deployment == nil)
        #expect(config.disks.map(\.volume) == ["local:120/vm-120-disk-0.qcow2", "local:120/vm-120-disk-1.raw"])
        #expect(ProxmoxBackend.Status(try data("current-running"), vmid: 100).power == .running)
        #expect(ProxmoxBackend.Status(try data("current-stopped"), vmid: 100).power == .off)
        #expect(GuestCards.address(of: "BC:24:11:D5:59:9C", in: try data("agent-26")["result"] ?? .null) == IPv4Address(10, 77, 0, 129))
        #expect(GuestCards.address(of: "52:54:00:00:00:01", in: try data("agent-26")["result"] ?? .null) == nil)
        let upid = try #require(try data("start")["x"]?.text ?? data("start").string)
        let task = try #require(UPID(upid))
        #expect(task.node == "pve1" && task.type == "qmstart" && task.subject == "100" && task.user == "root@pam!ci")
    }

    @Test("Figures that no node has are figures", arguments: ["1e300", "-1e300", "\"nan\"", "9223372036854775807", "-9223372036854775808", "\"inf\""])
    func beyondAnyNode(number: String) throws {
        func json(_ text: String) throws -> JSONValue {
            let answer = try #require(PVEAnswer(wire: Array("HTTP/1.1 200 OK\r\n\r\n{\"data\":\(text)}".utf8)))
            return try answer.data(.version, token: token)
        }
        let node = #"{"node": "a", "status": "online", "maxcpu": \#(number), "cpu": \#(number), "maxmem": 8, "mem": \#(number)}"#
        let store = #"{"type": "storage", "storage": "s", "node": "a", "content": "images", "status": "available", "maxdisk": 8, "disk": \#(number)}"#
        let cluster = ClusterView(nodes: try json("[\(node)]"), resources: try json("[\(store)]"))
        let wanted = Wanted(vcpus: 1, memory: ByteSize(bytes: .max), space: ByteSize(bytes: .max), bridge: "b")
        #expect(Placement.candidates(cluster, for: wanted).count == 1)
        let config = MachineConfig(data: try json(#"{"cores": \#(number), "sockets": 3, "memory": "9223372036854775807"}"#))
        #expect(config.processor?.memory.bytes == .max)
    }

    @Test("Refusals get the code that fits")
    func refusals() throws {
        func code(_ name: String) throws -> Failure.Code { try answer(name).failure(.version, token: token).code }
        #expect(try code("many-bad") == .proxmoxParameters)
        #expect(try code("unknown-vm") == .proxmoxRefused)
        #expect(try code("unknown-node") == .proxmoxNode)
        #expect(try code("seed-delete") == .proxmoxPermission)
        let many = try answer("many-bad").failure(.version, token: token)
        for key in ["bogus: ", "cores: ", "cpu: ", "net0: "] { #expect(many.message.contains(key)) }
        let denied = try answer("seed-delete").failure(.deleteVolume("local:iso/x.iso", node: "pve1"), token: token)
        #expect(denied.message.contains("Datastore.Allocate on /storage/local"))
        #expect(
            denied.remedy
                == "as root on a node: pveum role add pgkvm-Datastore.Allocate --privs 'Datastore.Allocate'; pveum acl modify /storage/local --users 'deploy@pve' --tokens 'deploy@pve!ci' --roles pgkvm-Datastore.Allocate"
        )
    }

    @Test("Heads are read whatever comes before and in them; a half one is none")
    func heads() throws {
        func answer(_ text: String) -> PVEAnswer? { PVEAnswer(wire: Array(text.utf8)) }
        #expect(answer("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 401 No ticket\r\nA: b\r\n\r\n")?.message == "No ticket")
        #expect(answer("HTTP/1.1 200\r\n\r\n{}")?.status == 200)
        #expect(answer("HTTP/1.1 500 a\r\n\r\nplain words")?.message == "plain words")
        #expect(answer("HTTP/1.1 200 OK\r\nA: b\r\n") == nil && answer("") == nil && answer("SSH-2.0\r\n\r\n") == nil)
    }

    @Test("Numbers, truth and texts are read in every form")
    func lenient() {
        #expect(JSONValue.string("1024").count == 1024 && JSONValue.number(2.7).count == 2 && JSONValue.integer(3).text == "3" && JSONValue.null.count == nil)
        #expect(JSONValue.integer(1).flag && JSONValue.string("1").flag && !JSONValue.string("0").flag && !JSONValue.null.flag)
        #expect(JSONValue.string("0.25").fraction == 0.25 && JSONValue.number(.infinity).count == nil && JSONValue.string("x").count == nil)
    }

    @Test("Paths and forms are encoded by segment and value")
    func encoded() {
        #expect(URIPart("a b+c/ü%&=é").text == "a%20b%2Bc%2F%C3%BC%25%26%3D%C3%A9")
        #expect(PVECall.deleteVolume("local:iso/x.iso", node: "pve1").encodedPath == "/nodes/pve1/storage/local/content/local%3Aiso%2Fx.iso")
    }

    @Test("Everything about a request is in curl's configuration, and a value cannot become an option")
    func configuration() throws {
        let client = PVEClient(connection: ProxmoxConnection(url: "https://pve1:8006", trust: .authority("/a \"b\".pem")), token: try token)
        let address = try ServerAddress(url: "https://pve1")
        #expect(address.port == 8006)
        let text = try client.configuration(of: .create(node: "pve1", [PVECall.Parameter(name: "name", value: "a\"\nb")]), at: address, publicKey: nil).text
        for line in [
            #"proto = "=https""#, #"cacert = "/a \"b\".pem""#, #"header = "Authorization: PVEAPIToken=\#(PVEServer.token)""#, #"header = "Expect:""#,
            #"request = "POST""#, #"data-raw = "name=a%22%0Ab""#, #"url = "https://pve1:8006/api2/json/nodes/pve1/qemu""#,
        ] {
            #expect(text.split(separator: "\n").contains { $0 == line }, "\(line)")
        }
        #expect(!text.contains("insecure") && !text.contains("location"))
        var curl = CurlConfiguration()
        #expect(throws: Failure.self) { try curl.set("url", "a\ninsecure") }
    }

    @Test("The description holds the deployment, whatever people write around it")
    func note() {
        let deployment = DeploymentID("0123456789abcdef0123456789abcdef")
        let note = MachineNote(name: "orders", deployment: deployment, address: IPv4Address(10, 0, 0, 5))
        let text = "Ask Jane.\r\n" + note.text.replacing("\n", with: "\r\n") + "\r\nmore\n"
        #expect(MachineNote.deployment(in: text) == deployment && MachineNote.address(in: text) == IPv4Address(10, 0, 0, 5))
        #expect(MachineNote.deployment(in: "see pgkvm-deployment: x") == nil && MachineNote.address(in: "") == nil)
    }
}
