import ApplianceModel
import Basics
import PostgresServer
import TestSupport
import Testing

@Suite("Rendered configuration files")
struct ConfigurationFileTests {
    static let cases: [(name: String, version: Int, vcpus: Int, memory: ByteSize, disk: ByteSize, profile: TuningPlan.Profile)] = [
        ("mixed-15-default", 15, 2, .gibibytes(2), .gibibytes(10), .mixed),
        ("oltp-17-large", 17, 32, .gibibytes(128), .gibibytes(2048), .oltp),
        ("analytics-18", 18, 16, .gibibytes(64), .gibibytes(500), .analytics),
        ("web-17-small", 17, 1, .mebibytes(512), .gibibytes(1), .web),
    ]

    @Test("Every file is as committed", arguments: cases.indices)
    func golden(index: Int) throws {
        let example = Self.cases[index]
        let spec = try makeSpec("orders") { spec in
            spec.machine.vcpus = example.vcpus
            spec.machine.memory = example.memory
            spec.dataDisk.size = example.disk
            spec.postgresql.profile = example.profile
            spec.postgresql.settings = ["work_mem": "12MB", "my_app.greeting": "it's \\ \nport = 1"]
        }
        for file in try ServerConfiguration(spec: spec, layout: .debian(version: example.version)).files() {
            try Golden.expect(file.text, "PostgresServer/\(example.name)/\(file.path)")
        }
    }

    @Test("The files of a layer come in the order in which the server reads them, the spec's last")
    func order() throws {
        let paths = try ServerConfiguration(spec: makeSpec("demo"), layout: .debian(version: 17)).files().map(\.path).filter { $0.hasPrefix("conf.d") }
        #expect(paths == paths.sorted())
        #expect(paths.last == "conf.d/90-spec.conf")
    }

    @Test("The last word on a setting is the spec's")
    func effective() throws {
        let spec = try makeSpec("demo") { $0.postgresql.settings = ["WORK_MEM": "77MB"] }
        let settings = ServerConfiguration(spec: spec, layout: .debian(version: 17)).settings
        #expect(settings.effective["work_mem"] == "77MB")
        #expect(settings.filter { $0.name == "work_mem" }.count == 2)
    }

    @Test("No setting is computed twice, and each has its reason")
    func reasons() throws {
        for version in [15, 17, 18] {
            let settings = ServerConfiguration(spec: try makeSpec("demo"), layout: .debian(version: version)).settings
            #expect(Set(settings.map(\.name)).count == settings.count)
            #expect(settings.allSatisfy { $0.reason.hasSuffix(".") && !$0.reason.contains("\n") })
        }
    }

    @Test("A template can be replaced, and a broken one is named")
    func replacement() throws {
        let configuration = ServerConfiguration(spec: try makeSpec("demo"), layout: .debian(version: 17))
        let replaced = try configuration.files(templates: Templates { $0 == "postgresql/pg_ident.conf" ? "mine" : nil })
        #expect(replaced.first { $0.path == "pg_ident.conf" }?.text == "mine")
        let broken = #expect(throws: Failure.self) { try configuration.files(templates: Templates { _ in "{{#open}}" }) }
        #expect(broken?.code == .templateInvalid)
    }

    @Test("Nothing is let in without TLS and a password, and the superuser not at all")
    func access() throws {
        let files = try ServerConfiguration(spec: makeSpec("demo"), layout: .debian(version: 17)).files()
        let text = try #require(files.first { $0.path == "pg_hba.conf" }?.text)
        let lines = text.split(separator: "\n").filter { !$0.hasPrefix("#") }.map { $0.split(separator: " ") }
        let network = lines.filter { $0[0] != "local" }
        #expect(network.first == ["host", "all", "postgres", "all", "reject"])
        #expect(network.dropFirst().allSatisfy { $0[0] == "hostssl" && $0[4] == "scram-sha-256" })
        #expect(network.map { $0[3] } == ["all", "127.0.0.1/32", "::1/128", "10.0.2.2/32"])
        let local = lines.filter { $0[0] == "local" }
        #expect(local.filter { $0[3] == "peer" }.allSatisfy { ["postgres", "pgkvm"].contains($0[2]) })
        #expect(local.last == ["local", "all", "all", "scram-sha-256"])
    }

    @Test("Under user networking only this host's own networks are taken")
    func allowFrom() throws {
        let loopback = try #require(IPv4Network("127.0.0.0/8"))
        let office = try #require(IPv4Network("192.168.7.0/24"))
        #expect(HostBasedAccess.faults(mode: .user, allowFrom: [loopback]).isEmpty)
        let faults = HostBasedAccess.faults(mode: .user, allowFrom: [loopback, office])
        #expect(faults.count == 1)
        #expect(faults.first?.contains("192.168.7.0/24") == true)
        let spec = try makeSpec("demo") { $0.postgresql.allowFrom = [office] }
        #expect(throws: Failure.self) { try ServerConfiguration(spec: spec, layout: .debian(version: 17)).files() }
    }
}
