import ApplianceModel
import Basics
import Foundation
import SpecFile
import Testing

@Suite("Reading a spec file")
struct SpecFileReadingTests {
    @Test("Every key reaches its place")
    func everyKey() throws {
        let spec = try SpecFile.parse(
            """
            formatVersion: 1
            name: orders
            machine: { backend: qemu, accelerator: tcg, vcpus: 4, memory: 4GiB, image: debian-12, systemDisk: { size: 9GiB, layout: overlay } }
            network: { mode: user, address: static, sshPort: 2222, postgresqlPort: 5432 }
            data: { size: 20GiB, adopt: /srv/kept }
            postgresql:
              version: 15
              source: distribution
              profile: oltp
              locale: de_CH.UTF-8
              timeZone: Europe/Zurich
              allowFrom: [10.0.2.2/32, 127.0.0.1]
              settings: { work_mem: 32MB, jit: off, random_page_cost: 1.1, max_connections: 200, log_line_prefix: '%m [%p] ', search_path: "" }
              roles: [ { name: reader, replication: true }, { name: app, memberOf: [reader, pg_monitor] } ]
              databases:
                - { name: shop, owner: app, extensions: [pg_trgm, uuid-ossp] }
                - { name: "order's \\"book\\"", owner: app }
            """, file: "spec.yaml")
        var expected = ApplianceSpec(name: try #require(ApplianceName("orders")))
        expected.machine.accelerator = .tcg
        expected.machine.vcpus = 4
        expected.machine.memory = .gibibytes(4)
        expected.machine.image = .release(.debian12)
        expected.machine.systemDisk.size = .gibibytes(9)
        expected.machine.systemDisk.layout = .overlay
        expected.network.address = .static
        expected.network.sshPort = 2222
        expected.network.postgresqlPort = 5432
        expected.dataDisk.size = .gibibytes(20)
        expected.dataDisk.adopt = "/srv/kept"
        expected.postgresql.version = 15
        expected.postgresql.profile = .oltp
        expected.postgresql.locale = "de_CH.UTF-8"
        expected.postgresql.timeZone = "Europe/Zurich"
        expected.postgresql.allowFrom = [try #require(IPv4Network("10.0.2.2")), try #require(IPv4Network("127.0.0.1"))]
        expected.postgresql.settings = [
            "work_mem": "32MB", "jit": "off", "random_page_cost": "1.1", "max_connections": "200", "log_line_prefix": "%m [%p] ", "search_path": "",
        ]
        expected.postgresql.roles = [.init(name: "reader", replication: true), .init(name: "app", memberOf: ["reader", "pg_monitor"])]
        expected.postgresql.databases = [
            .init(name: "shop", owner: "app", extensions: ["pg_trgm", "uuid-ossp"]), .init(name: "order's \"book\"", owner: "app"),
        ]
        #expect(spec == expected)
    }

    @Test(
        "What is left out or left empty takes its default",
        arguments: [
            "formatVersion: 1\nname: orders\n",
            "formatVersion: 1\nname: orders\nmachine:\n  # vcpus: 4\nnetwork:\ndata: {}\npostgresql:\n  settings:\n  roles:\n  allowFrom: []\n",
            "\u{feff}formatVersion: 1\r\nname: orders\r\nnetwork:\r\n  sshPort:\r\n  postgresqlPort: null\r\n",
            "---\nformatVersion: 1\nname: \"orders\"\n...\n",
            "{\"formatVersion\": 1, \"name\": \"orders\"}",
        ])
    func defaults(text: String) throws {
        #expect(try SpecFile.parse(text, file: "spec.yaml") == ApplianceSpec(name: try #require(ApplianceName("orders"))))
    }

    @Test("The role and the database of the default are for a file that names neither")
    func defaultRole() throws {
        func server(_ lines: String) throws -> ApplianceSpec.PostgreSQL {
            try SpecFile.parse("formatVersion: 1\nname: a\npostgresql:\n  profile: oltp\n\(lines)", file: "f").postgresql
        }
        #expect(try server("").databases == [.init(name: "app", owner: "app")])
        #expect(try server("  roles:\n  databases:\n").roles == [.init(name: "app")])
        #expect(try server("  roles: [{name: web}]\n").roles == [.init(name: "web")])
        #expect(try server("  roles: [{name: web}]\n").databases == [])
        #expect(try server("  databases: []\n").roles == [])
    }

    @Test("A name from outside takes the place of the file's")
    func nameOverride() throws {
        let name = try #require(ApplianceName("other"))
        #expect(try SpecFile.parse("formatVersion: 1", file: "f", nameOverride: name).name == name)
        #expect(try SpecFile.parse("formatVersion: 1\nname: orders", file: "f", nameOverride: name).name == name)
    }

    @Test("The example of the templates is a valid spec, and its comments name every key")
    func example() throws {
        let url = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../templates/spec/example.yaml")
        let text = try String(contentsOf: url, encoding: .utf8)
        let spec = try SpecFile.parse(text, file: "example.yaml")
        var expected = ApplianceSpec(name: try #require(ApplianceName("orders")))
        expected.postgresql.settings = ["work_mem": "32MB", "log_min_duration_statement": "250ms"]
        expected.postgresql.roles = [.init(name: "reader", memberOf: ["pg_read_all_data"]), .init(name: "app")]
        expected.postgresql.databases = [.init(name: "shop", owner: "app", extensions: ["pg_trgm"])]
        expected.verification.limits = ["disk.write-latency.p99": "5ms"]
        #expect(spec == expected)
        var whole = expected
        whole.network.sshPort = 2222
        whole.network.postgresqlPort = 5432
        whole.dataDisk.adopt = "/srv"
        whole.postgresql.version = 17
        for line in SpecFile.render(whole).split(separator: "\n") {
            let key = try #require(line.split(separator: ":").first).trimmingCharacters(in: CharacterSet(charactersIn: " -"))
            #expect(text.contains("\(key):"), "the example does not show '\(key)'")
        }
    }

    @Test("Bytes that are not UTF-8 are refused with their line")
    func notUTF8() {
        #expect(
            faults { try SpecFile.parse(Array("formatVersion: 1\nname: ".utf8) + [0xff, 0x0a], file: "s.yaml") } == [
                "s.yaml:2: the text is not UTF-8; save the file with that encoding"
            ])
    }

    @Test("A newer format is refused before its unknown keys are complained about")
    func newerFormat() {
        #expect {
            try SpecFile.parse("formatVersion: 2\nshiny: true", file: "spec.yaml")
        } throws: {
            ($0 as? Failure)?.code == .newerFormat
        }
    }
}

/// The lines of faults that a refused file comes with; nil when it was not refused as it should be.
func faults(_ body: () throws -> ApplianceSpec) -> [String]? {
    do {
        _ = try body()
        return nil
    } catch let failure as Failure where failure.code == .specInvalid {
        return failure.message.split(separator: "\n").dropFirst().map { $0.trimmingCharacters(in: .whitespaces) }
    } catch {
        return nil
    }
}

func faults(_ text: String) -> [String]? { faults { try SpecFile.parse(text, file: "s.yaml") } }
