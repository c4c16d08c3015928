import ApplianceModel
import Basics
import Testing

@Suite("The rules of a spec")
struct SpecRulesTests {
    func faults(_ change: (inout ApplianceSpec) throws -> Void) throws -> [String] {
        var spec = ApplianceSpec(name: try #require(ApplianceName("orders")))
        spec.postgresql.roles = []
        spec.postgresql.databases = []
        try change(&spec)
        return SpecRules.faults(in: spec).map(\.description)
    }

    @Test("The defaults obey them")
    func defaults() throws { #expect(SpecRules.faults(in: ApplianceSpec(name: try #require(ApplianceName("orders")))) == []) }

    @Test("Virtual CPUs: 1 to 256", arguments: [(0, false), (-1, false), (1, true), (256, true), (257, false)])
    func vcpus(count: Int, allowed: Bool) throws {
        let faults = try faults { $0.machine.vcpus = count }
        #expect(faults.isEmpty == allowed)
        #expect(allowed || faults == ["machine.vcpus: \(count) virtual CPUs are not possible; allowed are 1 to 256"])
    }

    @Test(
        "Memory: 512 MiB to 4 TiB in whole MiB",
        arguments: [("511MiB", false), ("512MiB", true), ("4TiB", true), ("4097GiB", false), ("1000000KiB", false), ("2GB", false), ("0", false)])
    func memory(size: String, allowed: Bool) throws {
        let size = try #require(ByteSize(size))
        #expect(try faults { $0.machine.memory = size }.isEmpty == allowed)
    }

    @Test(
        "Disks: 4 GiB for the system, 1 GiB for the data",
        arguments: [
            ("3GiB", false, true), ("4GiB", true, true), ("1GiB", false, true), ("1023MiB", false, false), ("20GB", false, false), ("17TiB", false, false),
        ])
    func disks(size: String, forSystem: Bool, forData: Bool) throws {
        let size = try #require(ByteSize(size))
        #expect(try faults { $0.machine.systemDisk.size = size }.isEmpty == forSystem)
        #expect(try faults { $0.dataDisk.size = size }.isEmpty == forData)
    }

    @Test("A size in powers of ten is told the next one that works")
    func sizeHint() throws {
        #expect(try faults { $0.dataDisk.size = ByteSize(bytes: 20_000_000_000) }.first?.contains("the next that is: 19074MiB") == true)
    }

    @Test("Ports are not root's, and differ")
    func ports() throws {
        #expect(try faults { $0.network.sshPort = 1023 }.count == 1)
        #expect(try faults { $0.network.sshPort = 0 }.count == 1)
        #expect(
            try faults {
                $0.network.sshPort = 1024; $0.network.postgresqlPort = 65535
            } == [])
        #expect(
            try faults {
                $0.network.sshPort = 5432; $0.network.postgresqlPort = 5432
            }
                == ["network.postgresqlPort: port 5432 is also 'network.sshPort'; the two must differ"])
    }

    @Test(
        "The version of PostgreSQL is one that the source has",
        arguments: [
            ("debian-13", ApplianceSpec.PostgreSQL.PackageSource.distribution, 17, true), ("debian-13", .distribution, 15, false),
            ("debian-12", .distribution, 15, true), ("debian-12", .distribution, 17, false), ("noble", .distribution, 16, true),
            ("noble", .distribution, 14, false), ("noble", .distribution, 18, false), ("debian-13", .pgdg, 18, true), ("debian-12", .pgdg, 13, true),
            ("debian-12", .pgdg, 12, false), ("debian-12", .pgdg, 19, false),
        ])
    func versions(image: String, source: ApplianceSpec.PostgreSQL.PackageSource, version: Int, allowed: Bool) throws {
        let faults = try faults {
            $0.machine.image = ImageChoice(image)
            $0.postgresql.source = source
            $0.postgresql.version = version
        }
        #expect(faults.isEmpty == allowed)
        #expect(faults.allSatisfy { $0.hasPrefix("postgresql.version: ") })
    }

    @Test(
        "Under user networking only this host may connect",
        arguments: [("127.0.0.0/8", true), ("127.0.0.1", true), ("10.0.2.2/32", true), ("10.0.2.0/24", false), ("192.168.1.0/24", false), ("0.0.0.0/0", false)])
    func allowFrom(text: String, allowed: Bool) throws {
        let network = try #require(IPv4Network(text))
        let faults = try faults { $0.postgresql.allowFrom = [network] }
        #expect(faults.isEmpty == allowed)
        #expect(allowed || faults.first?.contains("only the host itself reaches the guest") == true)
    }

    @Test(
        "Names of roles and databases may be odd, but not the server's own",
        arguments: [
            ("app", true), ("my app", true), ("a\"b'c$d;--", true), ("größe", true), ("🐘", true), ("Public", true), ("pgx", true),
            (String(repeating: "a", count: 63), true), (String(repeating: "a", count: 64), false), (String(repeating: "ü", count: 32), false),
            ("", false), ("a\nb", false), ("a\0b", false), ("a\u{7f}", false), ("\u{feff}a", false), ("pg_app", false), ("postgres", false), ("pgkvm", false),
            ("public", false),
            ("template0", false), ("template1", false), ("none", false),
        ])
    func names(name: String, allowed: Bool) throws {
        let faults = try faults {
            $0.postgresql.roles = [ApplianceSpec.Role(name: name)]
            $0.postgresql.databases = [ApplianceSpec.Database(name: name, owner: name)]
        }
        #expect(faults.count == (allowed ? 0 : 2))
        #expect(faults.allSatisfy { !$0.contains("\n") && !$0.contains("\0") })
    }

    @Test("Nothing is there twice")
    func duplicates() throws {
        let local = try #require(IPv4Network("127.0.0.1"))
        let faults = try faults {
            $0.postgresql.allowFrom = [local, local]
            $0.postgresql.roles = [.init(name: "a", memberOf: ["b", "b"]), .init(name: "b"), .init(name: "a")]
            $0.postgresql.databases = [.init(name: "d", owner: "a", extensions: ["x", "x"]), .init(name: "d", owner: "a")]
        }
        #expect(
            faults == [
                "postgresql.allowFrom[1]: 127.0.0.1/32 is listed twice", "postgresql.roles[0].memberOf[1]: 'b' is listed twice",
                "postgresql.roles[2].name: there are two roles named 'a'", "postgresql.databases[0].extensions[1]: 'x' is listed twice",
                "postgresql.databases[1].name: there are two databases named 'd'",
            ])
    }

    @Test("An owner is a role of the spec, byte for byte")
    func owners() throws {
        let unknown = try faults {
            $0.postgresql.roles = [.init(name: "app")]
            $0.postgresql.databases = [.init(name: "shop", owner: "ap")]
        }
        #expect(unknown == ["postgresql.databases[0].owner: 'ap' is not a role under 'postgresql.roles'; did you mean 'app'?"])
        #expect(try faults { $0.postgresql.databases = [.init(name: "shop", owner: "app")] }.first?.hasSuffix("the spec has no roles") == true)
        let otherEncoding = try faults {
            $0.postgresql.roles = [.init(name: "caf\u{e9}")]
            $0.postgresql.databases = [.init(name: "shop", owner: "cafe\u{301}")]
        }
        #expect(otherEncoding.count == 1)
    }

    @Test("A role is a member of roles that exist, and never of itself")
    func memberships() throws {
        func faults(_ roles: [ApplianceSpec.Role], version: Int? = nil) throws -> [String] {
            try self.faults {
                $0.postgresql.roles = roles
                $0.postgresql.version = version
            }
        }
        #expect(try faults([.init(name: "a", memberOf: ["b", "pg_monitor"]), .init(name: "b")]) == [])
        #expect(try faults([.init(name: "a", memberOf: ["pg_moniter"])]).first?.hasSuffix("did you mean 'pg_monitor'?") == true)
        #expect(try faults([.init(name: "a", memberOf: ["pg_maintain"])], version: 17) == [])
        #expect(try faults([.init(name: "a", memberOf: ["pg_signal_autovacuum_worker"])], version: 17).first?.contains("since PostgreSQL 18") == true)
        #expect(try faults([.init(name: "a", memberOf: ["pg_database_owner"])]).count == 1)
        #expect(try faults([.init(name: "a", memberOf: ["a"])]) == ["postgresql.roles[0].memberOf[0]: a role cannot be a member of itself"])
        #expect(try faults([.init(name: "a", memberOf: ["b"]), .init(name: "b", memberOf: ["c"]), .init(name: "c", memberOf: ["a"])]).count == 1)
        #expect(
            try faults([.init(name: "a", memberOf: ["b", "c"]), .init(name: "b", memberOf: ["d"]), .init(name: "c", memberOf: ["d"]), .init(name: "d")]) == [])
    }

    @Test("Settings have names of one word or two with a dot, and values of one line")
    func settings() throws {
        #expect(
            try faults {
                $0.postgresql.settings = [
                    "work_mem": "32MB", "pg_stat_statements.max": "100", "log_line_prefix": "'%m' \\ \" $ 🐘", "search_path": "", "DateStyle": "ISO, DMY",
                ]
            } == [])
        for name in ["work mem", "1a", "", "a=b", "größe", "work_mem\n", "a.b.c", ".a", "a.", "work-mem", "e\u{301}", "a.1"] {
            #expect(try faults { $0.postgresql.settings = [name: "1"] }.count == 1, "\(name)")
        }
        #expect(try faults { $0.postgresql.settings = ["work_mem": "1\ninclude '/etc/passwd'"] }.count == 1)
        #expect(try faults { $0.postgresql.settings = ["work_mem": "1MB", "Work_Mem": "2MB"] }.count == 1)
        #expect(try faults { $0.postgresql.settings = ["work-mem": "1MB"] }.first?.hasSuffix("did you mean 'work_mem'?") == true)
    }

    @Test(
        "A setting of pgkvm's own is refused with the reason, and with what to write instead, in any case",
        arguments: [
            ("timezone", "write 'postgresql.timeZone'"), ("TimeZone", "write 'postgresql.timeZone'"), ("Log_TimeZone", "write 'postgresql.timeZone'"),
            ("port", "'network.postgresqlPort'"), ("listen_addresses", "'postgresql.allowFrom'"), ("LOG_DIRECTORY", "'pgkvm logs NAME'"),
            ("logging_collector", "'pgkvm logs NAME'"), ("archive_mode", "'archive_command'"), ("include_dir", "'postgresql.settings'"),
            ("cluster_name", "'name'"),
            ("data_directory", "'data.size'"), ("ssl", "encrypted"), ("ssl_key_file", "'pgkvm deploy'"),
        ])
    func owned(name: String, instead: String) throws {
        let found = try faults { $0.postgresql.settings = [name: "x"] }
        #expect(found.count == 1)
        #expect(found.first?.hasPrefix("postgresql.settings.\(name): '\(name)' belongs to pgkvm: ") == true)
        #expect(found.first?.contains(instead) == true, "\(found)")
    }

    @Test(
        "Libraries to preload keep pg_stat_statements as one of their names",
        arguments: [
            ("pg_stat_statements", true), ("auto_explain, pg_stat_statements", true), ("\"pg_stat_statements\",x", true), ("$libdir/pg_stat_statements", true),
            ("auto_explain", false), ("my_pg_stat_statements", false), ("", false), ("pg_stat_statements2", false),
        ])
    func libraries(value: String, allowed: Bool) throws {
        #expect(try faults { $0.postgresql.settings = ["shared_preload_libraries": value] }.isEmpty == allowed)
    }

    @Test("A role with replication contradicts settings that allow none")
    func noSenders() throws {
        for value in ["0", "00"] {
            let found = try faults {
                $0.postgresql.settings = ["max_wal_senders": value]
                $0.postgresql.roles = [.init(name: "barman", replication: true)]
            }
            #expect(found.count == 1)
            #expect(found.first?.hasPrefix("postgresql.settings.max_wal_senders: 0 allows no replication, but the role 'barman'") == true)
        }
        #expect(try faults { $0.postgresql.settings = ["max_wal_senders": "0"] } == [])
    }

    @Test("Too long a list is one fault with its length and the limit, and its entries are not judged")
    func counts() throws {
        #expect(
            try faults { $0.postgresql.roles = (0...SpecLimits.roles).map { .init(name: "r\($0)", memberOf: ["nobody"]) } }
                == ["postgresql.roles: there are 2001 roles; allowed are at most 2000"])
        #expect(
            try faults {
                $0.postgresql.roles = [.init(name: "app")]
                $0.postgresql.databases = (0...SpecLimits.databases).map { .init(name: "d\($0)", owner: "nobody") }
            } == ["postgresql.databases: there are 2001 databases; allowed are at most 2000"])
        #expect(
            try faults {
                $0.postgresql.roles = [.init(name: "app", memberOf: (0...200).map { "x\($0)" })]
                $0.postgresql.databases = [.init(name: "shop", owner: "app", extensions: (0...200).map { "x\($0)" })]
            } == [
                "postgresql.roles[0].memberOf: there are 201 roles; allowed are at most 200",
                "postgresql.databases[0].extensions: there are 201 extensions; allowed are at most 200",
            ])
        #expect(
            try faults { $0.postgresql.settings = Dictionary(uniqueKeysWithValues: (0...1000).map { ("a.b\($0)", "1") }) }
                == ["postgresql.settings: there are 1001 settings; allowed are at most 1000"])
        #expect(
            try faults { $0.postgresql.allowFrom = (0...1000).compactMap { IPv4Network("127.0.\($0 / 256).\($0 % 256)") } }
                == ["postgresql.allowFrom: there are 1001 networks; allowed are at most 1000"])
        #expect(
            try faults { $0.postgresql.roles = (0...32).map { .init(name: "r\($0)", replication: true) } }
                == ["postgresql.roles: there are 33 roles with 'replication: true'; allowed are at most 32"])
    }

    @Test("Of many misspelt names only the first are compared with the known ones")
    func suggestions() throws {
        let found = try faults {
            $0.postgresql.roles = (0..<500).map { .init(name: "role-\($0)") }
            $0.postgresql.databases = (0..<500).map { .init(name: "d\($0)", owner: "roles-\($0)") }
        }
        #expect(found.count == 500)
        #expect(found.count { $0.contains("did you mean") } == SpecLimits.suggestions)
    }

    @Test("Of very many faults the first are listed, and the others counted")
    func manyFaults() throws {
        var spec = ApplianceSpec(name: try #require(ApplianceName("orders")))
        spec.postgresql.databases = (0..<150).map { .init(name: "d\($0)", owner: "nobody") }
        let failure = #expect(throws: Failure.self) { try SpecRules.check(spec, source: "x") }
        let lines = failure?.message.split(separator: "\n") ?? []
        #expect(lines.first == "x has 150 faults:")
        #expect(lines.count == 102)
        #expect(lines.last == "  … and 50 more")
    }

    @Test("The first role of a long circle is named, and a long chain is not a circle")
    func circles() throws {
        func chain(_ count: Int, last: String) -> [ApplianceSpec.Role] {
            (0..<count).map { .init(name: "r\($0)", memberOf: [$0 + 1 < count ? "r\($0 + 1)" : last]) }
        }
        #expect(try faults { $0.postgresql.roles = chain(2000, last: "pg_monitor") } == [])
        let whole = try faults { $0.postgresql.roles = chain(2000, last: "r0") }
        #expect(whole == ["postgresql.roles[0].memberOf: 'r0' is a member of itself by way of the roles that it is a member of"])
        // A role that leads to a circle is not part of it.
        let tail = try faults { $0.postgresql.roles = chain(50, last: "r48") }
        #expect(tail == ["postgresql.roles[48].memberOf: 'r48' is a member of itself by way of the roles that it is a member of"])
    }

    @Test("All faults come in one failure that names its source")
    func check() throws {
        var spec = ApplianceSpec(name: try #require(ApplianceName("orders")))
        try SpecRules.check(spec, source: "the command line")
        spec.machine.vcpus = 0
        spec.dataDisk.size = .mebibytes(1)
        #expect {
            try SpecRules.check(spec, source: "the command line")
        } throws: {
            let failure = $0 as? Failure
            return failure?.code == .specInvalid
                && failure?.message == """
                    the command line has 2 faults:
                      machine.vcpus: 0 virtual CPUs are not possible; allowed are 1 to 256
                      data.size: 1MiB is too small; allowed are 1GiB to 16TiB
                    """
        }
    }
}
