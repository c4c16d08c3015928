import ApplianceModel
import SpecFile
import Testing

@Suite("Faults of a spec file")
struct SpecFileFaultTests {
    @Test("All come at once, each with its line, what is wrong and what is allowed")
    func allAtOnce() {
        let text = """
            formatVersion: 1
            name: Orders
            machne: {}
            machine:
              vcpus: two
              memory: 100MiB
              image: [debian-13]
              systemDisk:
                size: 8 gigs
                layuot: copy
            network:
              mode: bridgd
              sshPort: 70000
              memory: 2GiB
            data:
              size:
            postgresql:
              version: "17"
              profile: olpt
              locale: german
              allowFrom:
                - 10.0.2.1/24
                - 10.0.0.0/8
              settings:
                work_mem: [32MB]
                Jit: off
                jit:
              roles:
                - name: no
                - app
                - { memberOf: [x], nmae: y }
              databases: { name: shop }
            verify:
              limit: {}
              limits:
                disk.write-latency.p99: 5
                disk.write-latncy.p50: 1ms
                disk.read-latency.p50: [1ms]
                disk.read-latency.p99:
            """
        #expect(
            faults(text) == [
                "s.yaml:2: name: 'Orders' is not a name for an appliance; allowed are \(ApplianceName.rule)",
                "s.yaml:3: machne: unknown key; did you mean 'machine'?",
                "s.yaml:5: machine.vcpus: must be a whole number such as 2, not 'two'",
                "s.yaml:6: machine.memory: 100MiB is too small; allowed are 512MiB to 4TiB",
                "s.yaml:7: machine.image: must be a text, not a list or a section",
                "s.yaml:9: machine.systemDisk.size: '8 gigs' is not a size; allowed are whole numbers with a unit, such as 512MiB or 20GiB",
                "s.yaml:10: machine.systemDisk.layuot: unknown key; did you mean 'machine.systemDisk.layout'?",
                "s.yaml:12: network.mode: 'bridgd' is not possible here; allowed are user, bridge, tap and nat; did you mean 'bridge'?",
                "s.yaml:13: network.sshPort: 70000 is not a port; allowed are 1024 to 65535",
                "s.yaml:14: network.memory: unknown key here; did you mean 'machine.memory'?",
                "s.yaml:16: data.size: has no value; write a size such as 4GiB, or leave the key out",
                "s.yaml:18: postgresql.version: must be a whole number such as 2, not '17' in quotes",
                "s.yaml:19: postgresql.profile: 'olpt' is not possible here; allowed are oltp, web, analytics and mixed; did you mean 'oltp'?",
                "s.yaml:20: postgresql.locale: 'german' is not a UTF-8 locale; allowed are C.UTF-8, C, POSIX and names such as de_CH.UTF-8",
                "s.yaml:22: postgresql.allowFrom[0]: '10.0.2.1/24' is not an IPv4 network; allowed are forms such as 10.0.2.0/24, without host bits",
                "s.yaml:25: postgresql.settings.work_mem: is a list or a section; a setting has one value: lists are written 'a, b', and a value that begins with '[' or '{' needs quotes",
                "s.yaml:27: postgresql.settings.jit: is the same as 'Jit' in line 26: upper and lower case make no difference; keep one",
                "s.yaml:29: postgresql.roles[0].name: must be a text, and YAML reads no as a boolean; write it in quotes: 'no'",
                "s.yaml:30: postgresql.roles[1]: must be a section with keys; allowed are the keys name, memberOf and replication",
                "s.yaml:31: postgresql.roles[2].nmae: unknown key; did you mean 'postgresql.roles[2].name'?",
                "s.yaml:31: postgresql.roles[2].name: is missing",
                "s.yaml:32: postgresql.databases: must be a list; write '[a, b]' or one line with '- ' for each entry",
                "s.yaml:34: verify.limit: unknown key; did you mean 'verify.limits'?",
                "s.yaml:36: verify.limits.disk.write-latency.p99: '5' is no limit of 'disk.write-latency.p99'; write 250us, 5ms or 1s",
                "s.yaml:37: verify.limits.disk.write-latncy.p50: no check measures 'disk.write-latncy.p50'; did you mean 'disk.write-latency.p50'?",
                "s.yaml:38: verify.limits.disk.read-latency.p50: is a list or a section; a limit has one value",
                "s.yaml:39: verify.limits.disk.read-latency.p99: has no value; write one such as 5ms",
            ])
    }

    @Test("The rules' faults carry the line of their key, or of the section that it is missing from")
    func rules() {
        let text = """
            formatVersion: 1
            name: orders
            machine: { image: debian-12 }
            postgresql:
              version: 17
              settings: { port: 5433 }
              roles:
                - { name: app, memberOf: [reeder] }
                - name: reader
              databases:
                - name: shop
                  owner: ap
                - name: shop
                  owner: app
                  extensions:
                    - pg_trgm
                    - PostGIS
            """
        #expect(
            faults(text) == [
                "s.yaml:5: postgresql.version: debian-12 has PostgreSQL 15, not 17; allowed is 15, or 'source: pgdg' with 13 to 18",
                "s.yaml:6: postgresql.settings.port: 'port' belongs to pgkvm: the guest's is 5432; the port of this host that leads to it is 'network.postgresqlPort'",
                "s.yaml:8: postgresql.roles[0].memberOf[0]: 'reeder' is not a role of this spec, nor one of PostgreSQL's own; did you mean 'reader'?",
                "s.yaml:12: postgresql.databases[0].owner: 'ap' is not a role under 'postgresql.roles'; did you mean 'app'?",
                "s.yaml:13: postgresql.databases[1].name: there are two databases named 'shop'",
                "s.yaml:17: postgresql.databases[1].extensions[1]: 'PostGIS' is not the name of an extension; allowed are lower-case letters, digits, underscores and hyphens",
            ])
    }

    @Test("A role that cannot be read does not make its databases faulty too")
    func noFollowUps() {
        let text = "formatVersion: 1\nname: a\npostgresql:\n  roles: [{name: 7}]\n  databases: [{name: shop, owner: app}]\n"
        #expect(faults(text)?.count == 1)
        #expect(faults("formatVersion: 1\nname: a\nmachine: {image: [x]}\npostgresql: {version: 15}")?.count == 1)
    }

    @Test("Name and format version are asked for")
    func missing() {
        #expect(
            faults("machine: {}") == [
                "s.yaml: formatVersion: is missing; write 'formatVersion: 1'", "s.yaml: name: is missing; allowed are \(ApplianceName.rule)",
            ])
        #expect(faults("formatVersion: one\nname: a") == ["s.yaml:1: formatVersion: must be a whole number such as 2, not 'one'"])
    }

    @Test(
        "YAML's other ways to write a number are refused where a number is meant",
        arguments: ["0x2", "0o2", "02", "2.0", "1_0", "2e0", "'2'", "--2", "99999999999999999999", "2 3", "[2]", "{a: 2}", "true", "٢"])
    func numbers(text: String) {
        let found = faults("formatVersion: 1\nname: a\nmachine:\n  vcpus: \(text)\n")
        #expect(found?.count == 1)
        #expect(found?.first?.hasPrefix("s.yaml:4: machine.vcpus: must be a whole number") == true)
    }

    @Test(
        "What YAML does not read as a text is refused where a text is meant, and taken in quotes",
        arguments: [
            ("yes", "a boolean"), ("Off", "a boolean"), ("17", "a number"), ("1.5", "a number"), ("1e3", "a number"), ("0x1f", "a number"),
            ("1_000", "a number"), ("-5", "a number"),
        ])
    func texts(text: String, kind: String) throws {
        let line = "postgresql: { roles: [ { name: "
        #expect(
            faults("formatVersion: 1\nname: a\n\(line)\(text) } ] }")
                == ["s.yaml:3: postgresql.roles[0].name: must be a text, and YAML reads \(text) as \(kind); write it in quotes: '\(text)'"])
        #expect(try SpecFile.parse("formatVersion: 1\nname: a\n\(line)'\(text)' } ] }", file: "f").postgresql.roles.first?.name == text)
    }

    @Test(
        "What is not one YAML document says where it breaks",
        arguments: [
            ("", "s.yaml:1: the file is empty; start with 'formatVersion: 1'"), ("# nothing\n\n", "s.yaml:1: the file is empty; start with 'formatVersion: 1'"),
            ("orders", "s.yaml:1: the file holds no keys; start with 'formatVersion: 1'"),
            ("- a\n- b", "s.yaml:1: the file holds no keys; start with 'formatVersion: 1'"),
            ("formatVersion: 1\nname: a\n---\nname: b\n", "s.yaml:3: a second document begins ('---'); a spec file holds one appliance"),
            ("formatVersion: 1\nname: a\nname: b\n", "s.yaml:2: the key 'name' appears more than once in the same place; keep one"),
            ("formatVersion: 1\nmachine:\n  vcpus: 1\n  'vcpus': 2\n", "s.yaml:3: the key 'vcpus' appears more than once in the same place; keep one"),
            (
                "name: *unknown\n",
                "s.yaml:1: not YAML: found undefined alias; YAML reads this value as more than a text, so put it in quotes: name: '*unknown'"
            ),
        ])
    func documents(text: String, fault: String) { #expect(faults(text) == [fault]) }

    @Test("A tab before a key is named as what it is")
    func tabs() {
        let faults = faults("formatVersion: 1\nmachine:\n\tvcpus: 2\n")
        #expect(faults?.count == 1)
        #expect(faults?.first?.hasPrefix("s.yaml:3: not YAML: ") == true)
        #expect(faults?.first?.contains("a tab") == true)
    }

    @Test(
        "A value that YAML reads as more than a text is shown in quotes",
        arguments: [
            ("%t [%p]", "'%t [%p]'"), ("%m %q%u@%d ", "'%m %q%u@%d'"), ("*", "'*'"), ("*x", "'*x'"), ("\"$user\", public", "'\"$user\", public'"),
            ("'a', 'b' c", "'''a'', ''b'' c'"), ("@x", "'@x'"), ("`x`", "'`x`'"), ("[%p] %m", "'[%p] %m'"), ("[p] %m", "'[p] %m'"), ("{p} x", "'{p} x'"),
            ("{%p}", "'{%p}'"), ("] x", "'] x'"), (", x", "', x'"), ("> x", "'> x'"), ("| x", "'| x'"), ("- a", "'- a'"), ("? a", "'? a'"),
            ("test: x: y", "'test: x: y'"), ("'it's'", "'it''s'"), ("\"C:\\path\"", "'C:\\path'"), ("%t # a comment", "'%t'"), ("'open", "'''open'"),
            ("@é\u{301}'\u{301}", "'@é\u{301}''\u{301}'"), ("*, -1", "'*, -1'"),
        ])
    func signs(value: String, quoted: String) {
        let found = faults("formatVersion: 1\nname: a\npostgresql:\n  settings:\n    work_mem: 8MB\n    log_line_prefix: \(value)\n")
        #expect(found?.count == 1)
        #expect(found?.first?.hasPrefix("s.yaml:6: ") == true, "\(found ?? [])")
        #expect(found?.first?.hasSuffix("so put it in quotes: log_line_prefix: \(quoted)") == true, "\(found ?? [])")
    }

    @Test(
        "So is one that YAML takes for an anchor, a tag or a comment",
        arguments: [("&a", "'&a'"), ("&a b", "'&a b'"), ("!x", "'!x'"), ("!x y", "'!x y'"), ("#%p", "'#%p'")])
    func swallowed(value: String, quoted: String) {
        let found = faults("formatVersion: 1\nname: a\npostgresql:\n  settings:\n    log_line_prefix: \(value)\n    jit: off\n")
        #expect(found?.count == 1)
        #expect(found?.first?.hasPrefix("s.yaml:5: postgresql.settings.log_line_prefix: ") == true, "\(found ?? [])")
        #expect(found?.first?.hasSuffix("quotes: log_line_prefix: \(quoted)") == true, "\(found ?? [])")
    }

    @Test("In a list or section of one line only the value is shown that is to blame")
    func flow() {
        let head = "formatVersion: 1\nname: a\npostgresql: { "
        #expect(faults("\(head)settings: { log_line_prefix: %t %p, jit: off } }")?.first?.hasSuffix("put it in quotes: '%t %p'") == true)
        #expect(faults("\(head)settings: { a.b: @x, jit: off } }")?.first?.hasSuffix("put it in quotes: '@x'") == true)
        #expect(faults("\(head)roles: [ { name: `x` } ] }")?.first?.hasSuffix("put it in quotes: '`x`'") == true)
        #expect(faults("formatVersion: 1\nname: a\npostgresql:\n  roles:\n    - name: @x\r\n")?.first?.hasSuffix("put it in quotes: name: '@x'") == true)
    }

    @Test(
        "What is wrong for another reason is not blamed on a value",
        arguments: [
            "formatVersion: 1\nname: a\n  vcpus: \"2\"\n", "formatVersion: 1\nname: a\npostgresql:\n  allowFrom: [127.0.0.1\n  profile: oltp\n",
            "formatVersion: 1\nname: a\nmachine: {vcpus: 2\n", "formatVersion: 1\nname: a\nmachine:\n  vcpus: 2\n image: x\n",
        ])
    func otherReasons(text: String) {
        let found = faults(text)
        #expect(found?.count == 1)
        #expect(found?.first?.contains("quotes") == false, "\(found ?? [])")
    }

    @Test("PostgreSQL's own spelling of a setting is taken, and one name in two spellings is not")
    func spellings() throws {
        let head = "formatVersion: 1\nname: a\npostgresql:\n  settings:\n"
        let spec = try SpecFile.parse("\(head)    DateStyle: 'ISO, DMY'\n    IntervalStyle: iso_8601\n    Work_Mem: 8MB\n", file: "f")
        #expect(spec.postgresql.settings == ["datestyle": "ISO, DMY", "intervalstyle": "iso_8601", "work_mem": "8MB"])
        #expect(
            faults("\(head)    DateStyle: ISO\n    datestyle: SQL\n") == [
                "s.yaml:6: postgresql.settings.datestyle: is the same as 'DateStyle' in line 5: upper and lower case make no difference; keep one"
            ])
        #expect(
            faults("\(head)    jit: off\n    TimeZone: Etc/UTC\n") == [
                "s.yaml:6: postgresql.settings.timezone: 'timezone' belongs to pgkvm: write 'postgresql.timeZone'"
            ])
    }

    @Test("A setting outside the section of settings is refused with the right section")
    func misplaced() {
        let found = faults("formatVersion: 1\nname: a\npostgresql:\n  work_mem: 8MB\n")
        #expect(found?.first?.hasSuffix("; settings of postgresql.conf belong under 'postgresql.settings'") == true)
    }

    @Test("A bare number where a size is wanted is asked about, with its line")
    func bareNumber() {
        #expect(
            faults("formatVersion: 1\nname: a\nmachine:\n  memory: 2048\ndata:\n  size: 20\n") == [
                "s.yaml:4: machine.memory: 2048 bytes? a number without a unit is bytes; write 2048MiB or 2GiB",
                "s.yaml:6: data.size: 20 bytes? a number without a unit is bytes; write 20GiB",
            ])
    }

    @Test("A list that is too long is one fault, with its line, its number and the limit")
    func tooLong() {
        let roles = (0..<40_000).map { "    - {name: r\($0)}\n" }.joined()
        #expect(
            faults("formatVersion: 1\nname: a\npostgresql:\n  roles:\n\(roles)  databases: [{name: d, owner: r1}]\n")
                == ["s.yaml:5: postgresql.roles: there are 40000 roles; allowed are at most 2000"])
        let settings = (0..<2000).map { "    a.b\($0): 1\n" }.joined()
        #expect(
            faults("formatVersion: 1\nname: a\npostgresql:\n  settings:\n\(settings)")
                == ["s.yaml:5: postgresql.settings: there are 2000 settings; allowed are at most 1000"])
        let networks = Array(repeating: "127.0.0.1", count: 1001).joined(separator: ", ")
        #expect(
            faults("formatVersion: 1\nname: a\npostgresql:\n  allowFrom: [\(networks)]\n")
                == ["s.yaml:4: postgresql.allowFrom: there are 1001 networks; allowed are at most 1000"])
        let extensions = Array(repeating: "pg_trgm", count: 201).joined(separator: ", ")
        #expect(
            faults("formatVersion: 1\nname: a\npostgresql:\n  roles: [{name: a}]\n  databases:\n    - {name: d, owner: a, extensions: [\(extensions)]}\n")
                == ["s.yaml:6: postgresql.databases[0].extensions: there are 201 extensions; allowed are at most 200"])
    }
}
