import ApplianceModel
import Basics
import SpecFile
import Testing

@Suite("Writing a spec file")
struct SpecFileRenderingTests {
    @Test("Everything is written out, in the order of the documentation")
    func everything() throws {
        var spec = ApplianceSpec(name: try #require(ApplianceName("orders")))
        spec.postgresql.roles = []
        spec.postgresql.databases = []
        let head = """
            formatVersion: 1
            name: orders
            machine:
              backend: qemu
              accelerator: auto
              vcpus: 2
              memory: 2GiB
              image: debian-13
              systemDisk:
                size: 8GiB
                layout: copy
            network:
              mode: user
              address: dhcp
            data:
              size: 10GiB
            postgresql:
              source: distribution
              profile: mixed
              locale: C.UTF-8
              timeZone: Etc/UTC

            """
        #expect(SpecFile.render(spec) == head + "  allowFrom: []\n  settings: {}\n  roles: []\n  databases: []\nverify:\n  limits: {}\n")
        spec.postgresql.allowFrom = [try #require(IPv4Network("127.0.0.1"))]
        spec.postgresql.settings = ["work_mem": "32MB", "jit": "off"]
        spec.verification.limits = ["disk.write-latency.p99": "5ms", "disk.read-latency.ratio": "1.5"]
        spec.postgresql.roles = [.init(name: "app", memberOf: ["pg_monitor", "my role"]), .init(name: "no")]
        spec.postgresql.databases = [.init(name: "sh\"op\n", owner: "app", extensions: ["pg_trgm"])]
        #expect(
            SpecFile.render(spec) == head + """
                  allowFrom: ["127.0.0.1/32"]
                  settings:
                    jit: "off"
                    work_mem: "32MB"
                  roles:
                    - name: app
                      memberOf: [pg_monitor, "my role"]
                    - name: "no"
                      memberOf: []
                  databases:
                    - name: "sh\\"op\\n"
                      owner: app
                      extensions: [pg_trgm]
                verify:
                  limits:
                    disk.read-latency.ratio: "1.5"
                    disk.write-latency.p99: "5ms"

                """)
    }

    @Test("What was written reads back as an equal spec", arguments: 0..<300 as Range<UInt64>)
    func roundTrip(seed: UInt64) throws {
        var random = SpecGenerator(seed: seed)
        let spec = try random.spec()
        try #require(SpecRules.faults(in: spec) == [])
        let text = SpecFile.render(spec)
        #expect(try SpecFile.parse(text, file: "seed \(seed)") == spec)
        #expect(try SpecFile.parse(Array(text.utf8), file: "seed \(seed)") == spec)
        #expect(SpecFile.render(try SpecFile.parse(text, file: "seed \(seed)")) == text)
    }
}

@Suite("The difference of two specs")
struct SpecDifferenceTests {
    @Test("A section of a platform that does not carry the machine changes nothing")
    func otherPlatform() throws {
        var spec = ApplianceSpec(name: try #require(ApplianceName("orders")))
        let before = spec
        spec.machine.libvirt = ApplianceSpec.Libvirt()
        spec.machine.libvirt?.pool = "fast"
        spec.machine.proxmox = ApplianceSpec.Proxmox(url: "https://pve1:8006", storage: "local")
        #expect(SpecDifference.changes(before, spec) == [])
        var domain = spec
        domain.machine.backend = .libvirt
        var moved = domain
        moved.machine.libvirt?.pool = "slow"
        #expect(SpecDifference.changes(domain, moved).map(\.path) == ["machine.libvirt.pool"])
    }

    @Test("Equal specs differ in nothing", arguments: 0..<20 as Range<UInt64>)
    func equal(seed: UInt64) throws {
        var random = SpecGenerator(seed: seed)
        let spec = try random.spec()
        #expect(SpecDifference.changes(spec, spec) == [])
        #expect(try !SpecDifference.changes(spec, random.spec()).isEmpty)
    }

    @Test("Each value that differs is a line, in the order of the file")
    func lines() throws {
        var old = ApplianceSpec(name: try #require(ApplianceName("orders")))
        old.network.sshPort = 2222
        old.postgresql.databases = []
        old.postgresql.settings = ["jit": "off", "work_mem": "32MB"]
        old.postgresql.roles = [.init(name: "app"), .init(name: "gone")]
        var new = old
        new.machine.memory = .gibibytes(4)
        new.network.sshPort = nil
        new.network.postgresqlPort = 5432
        new.postgresql.version = 17
        new.verification.limits = ["disk.write-latency.p99": "5ms"]
        new.postgresql.settings = ["log_checkpoints": "on", "work_mem": "64MB"]
        new.postgresql.roles = [.init(name: "new", replication: true), .init(name: "app", memberOf: ["new"])]
        new.postgresql.databases = [.init(name: "shop", owner: "app", extensions: ["pg_trgm"])]
        #expect(
            SpecDifference.changes(old, new).map(\.text) == [
                "machine.memory: 2GiB → 4GiB",
                "network.sshPort: 2222 → chosen by pgkvm",
                "network.postgresqlPort: chosen by pgkvm → 5432",
                "postgresql.version: the distribution's → 17",
                "postgresql.settings.jit: \"off\" → none",
                "postgresql.settings.work_mem: \"32MB\" → \"64MB\"",
                "postgresql.settings.log_checkpoints: none → \"on\"",
                "postgresql.roles 'app': member of [] → member of [new]",
                "postgresql.roles 'gone': member of [] → none",
                "postgresql.roles 'new': none → member of [], with replication",
                "postgresql.databases 'shop': none → owned by 'app' with extensions [pg_trgm]",
                "verify.limits.disk.write-latency.p99: none → 5ms",
            ])
    }
}
