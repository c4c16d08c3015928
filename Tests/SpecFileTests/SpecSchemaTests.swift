import ApplianceModel
import Basics
import BuiltinTemplates
import FoundationEssentials
import HostSystem
import SpecFile
import SystemPackage
import Testing

/// The schema is asked through python3-jsonschema, as an editor asks it through its own library.
@Suite("The schema of the spec file", .enabled(if: Files.isExecutable("/usr/bin/python3"), "needs python3 with yaml and jsonschema"))
struct SpecSchemaTests {
    /// Whether the schema takes each of the documents.
    private func takes(_ documents: [String]) async throws -> [Bool] {
        let program = """
            import json, sys, yaml, jsonschema
            given = json.load(sys.stdin)
            jsonschema.Draft202012Validator.check_schema(given["schema"])
            validator = jsonschema.Draft202012Validator(given["schema"])
            print(json.dumps([not list(validator.iter_errors(yaml.safe_load(text))) for text in given["documents"]]))
            """
        let input: JSONValue = .object(["schema": SpecSchema.document, "documents": .array(documents.map { .string($0) })])
        let result = try await ProgramRunner.check("python3", ["-c", program], input: Array(JSONEncoder().encode(input)))
        return try JSONDecoder().decode([Bool].self, from: Data(result.standardOutput))
    }

    @Test("It takes the example, and every valid spec, whole and brief")
    func good() async throws {
        var documents = [try #require(BuiltinTemplates.text("spec/example.yaml")), "formatVersion: 1\nname: a\n"]
        documents += ["formatVersion: 1\nname: a\nmachine:\nnetwork: {sshPort: }\npostgresql: {version: ~, allowFrom: , settings: {jit: on, x.y: 1.1}}\n"]
        for seed in 0..<100 as Range<UInt64> {
            var random = SpecGenerator(seed: seed)
            let spec = try random.spec()
            documents += [SpecFile.render(spec), SpecFile.renderBriefly(spec)]
        }
        for text in documents { _ = try SpecFile.parse(text, file: "x") }
        let answers = try await takes(documents)
        #expect(answers.count == documents.count)
        for (text, isTaken) in zip(documents, answers) { #expect(isTaken, "\(text)") }
    }

    @Test("What it refuses the reader refuses too")
    func bad() async throws {
        let heads = "formatVersion: 1\nname: a\n"
        let documents =
            [
                "", "[]", "name: a", "formatVersion: 1", "formatVersion: 2\nname: a", "formatVersion: 1\nname: A", "formatVersion: 1\nname: a--b",
                "formatVersion: 1\nname: a-", "formatVersion: 1\nname: 17",
            ]
            + [
                "machine: {vcpus: 0}", "machine: {vcpus: many}", "machine: {memory: 2 bananas}", "machine: {memroy: 2GiB}", "machine: [a]",
                "machine: {accelerator: xen}", "machine: {systemDisk: {size: -1}}", "machine: {systemDisk: {layout: raw}}", "network: {sshPort: 22}",
                "network: {sshPort: 70000}", "network: {mode: host}", "machine: {libvirt: {uri: 'xen:///'}}", "machine: {libvirt: {pools: a}}",
                "machine: {proxmox: {url: here}}",
                "machine: {proxmox: {url: 'https://a', storage: a, ha: 1}}", "machine: {proxmox: {url: 'http://a', storage: a}}", "data: {adopt: relative}",
                "data: {size: []}", "postgresql: {version: 9}",
                "postgresql: {allowFrom: everybody}", "postgresql: {allowFrom: [everybody]}", "postgresql: {settings: [a]}",
                "postgresql: {settings: {a: [1]}}", "postgresql: {roles: [app]}", "postgresql: {roles: [{}]}",
                "postgresql: {roles: [{name: a, member: b}]}", "postgresql: {roles: [{name: a, replication: 1}]}", "postgresql: {databases: [{name: a}]}",
                "postgresql: {roles: [{name: a}], databases: [{name: a, owner: a, extensions: [A]}]}", "verify: {limits: 5ms}", "extra: 1",
            ].map { heads + $0 + "\n" }
        let answers = try await takes(documents)
        for (text, isTaken) in zip(documents, answers) {
            #expect(!isTaken, "\(text)")
            #expect(throws: Failure.self, "\(text)") { _ = try SpecFile.parse(text, file: "x") }
        }
    }
}

@Suite("The table of the spec file's keys")
struct SpecKeysTests {
    @Test("It has every key that a written file has, and no path twice")
    func complete() throws {
        let paths = SpecKeys.all.map(\.path)
        #expect(Set(paths).count == paths.count)
        var seen: Set<String> = []
        for seed in 0..<50 as Range<UInt64> {
            var random = SpecGenerator(seed: seed)
            seen.formUnion(Self.paths(of: SpecFile.render(try random.spec())))
        }
        #expect(seen == Set(paths))
    }

    /// The paths of the keys of a written file; what stands below a section of free keys is left out.
    private static func paths(of text: String) -> Set<String> {
        var stack: [(indentation: Int, path: String)] = []
        var found: Set<String> = []
        for line in text.split(separator: "\n") {
            let indentation = line.prefix { $0 == " " || $0 == "-" }.count
            let key = line.dropFirst(indentation).prefix { $0 != ":" }
            while let last = stack.last, last.indentation >= indentation { stack.removeLast() }
            let parent = stack.last.map { ["postgresql.roles", "postgresql.databases"].contains($0.path) ? "\($0.path)[]." : "\($0.path)." } ?? ""
            let path = parent + key
            stack.append((indentation, path))
            if !path.hasPrefix("postgresql.settings."), !path.hasPrefix("verify.limits.") { found.insert(path) }
        }
        return found
    }

    @Test("Example and help name every key, and docs/spec.md has a row for each")
    func documented() throws {
        let example = try #require(BuiltinTemplates.text("spec/example.yaml"))
        let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        let page = try String(contentsOf: root.appending(path: "docs/spec.md"), encoding: .utf8)
        for key in SpecKeys.all {
            #expect(example.contains("\(key.name):"), "\(key.path)")
            let isWithinList = key.path.contains("[]")
            if key.form != .section {
                #expect(SpecHelp.keys.contains("  \(key.path)"), "\(key.path)")
                let row = key.path.split(separator: ".").dropFirst(key.path.contains(".") ? 1 : 0).joined(separator: ".")
                #expect(isWithinList ? page.contains("`\(key.name)`") : page.contains("| `\(row)` |"), "\(key.path)")
            }
        }
    }

    @Test("Each change of a spec is judged by the rule of its key")
    func judged() throws {
        var old = ApplianceSpec(name: try #require(ApplianceName("orders")))
        old.postgresql.roles = [.init(name: "app", memberOf: ["pg_monitor"]), .init(name: "other")]
        old.postgresql.databases = [.init(name: "shop", owner: "app", extensions: ["pg_trgm"])]
        func effects(_ change: (inout ApplianceSpec) -> Void) -> [SpecChange.Effect] {
            var new = old
            change(&new)
            return SpecDifference.changes(old, new).map(\.effect)
        }
        func isImpossible(_ change: (inout ApplianceSpec) -> Void) -> Bool {
            effects(change).contains { if case .impossible = $0 { true } else { false } }
        }
        #expect(effects { $0.machine.memory = .gibibytes(4) } == [.restart])
        #expect(effects { $0.machine.vcpus = 4 } == [.restart])
        #expect(effects { $0.dataDisk.size = .gibibytes(20) } == [.inPlace])
        #expect(effects { $0.postgresql.settings = ["jit": "off"] } == [.inPlace])
        #expect(effects { $0.postgresql.profile = .oltp } == [.inPlace])
        #expect(effects { $0.postgresql.allowFrom = [IPv4Network("127.0.0.1")].compactMap { $0 } } == [.inPlace])
        #expect(effects { $0.postgresql.roles.append(.init(name: "new")) } == [.inPlace])
        #expect(effects { $0.postgresql.roles[1].memberOf = ["pg_monitor"] } == [.inPlace])
        #expect(effects { $0.postgresql.roles[1].replication = true } == [.inPlace])
        old.postgresql.roles[1].replication = true
        #expect(effects { $0.postgresql.roles[1].replication = false } == [.inPlace])
        #expect(effects { $0.postgresql.databases[0].extensions = ["hstore", "pg_trgm"] } == [.inPlace])
        #expect(effects { $0.verification.limits = ["disk.write-latency.p99": "5ms"] } == [.expectation])
        #expect(isImpossible { $0.dataDisk.size = .gibibytes(2) })
        #expect(isImpossible { $0.postgresql.roles.removeLast() })
        #expect(isImpossible { $0.postgresql.roles[0].memberOf = [] })
        #expect(isImpossible { $0.postgresql.databases = [] })
        #expect(isImpossible { $0.postgresql.databases[0].owner = "other" })
        #expect(isImpossible { $0.postgresql.databases[0].extensions = [] })
        #expect(isImpossible { $0.machine.image = .release(.debian12) })
        #expect(isImpossible { $0.postgresql.version = 18 })
        #expect(isImpossible { $0.postgresql.locale = "C" })
        #expect(isImpossible { $0.network.postgresqlPort = 5432 })
    }
}

@Suite("Writing a spec file for people")
struct BriefSpecFileTests {
    @Test("What has its default is left out, and what is there says what it is")
    func brief() throws {
        var spec = ApplianceSpec(name: try #require(ApplianceName("orders")))
        spec.machine.memory = .gibibytes(4)
        spec.machine.systemDisk.layout = .overlay
        spec.postgresql.databases = [.init(name: "shop", owner: "app")]
        spec.postgresql.settings = ["jit": "off"]
        #expect(
            SpecFile.renderBriefly(spec) == """
                # The spec of the appliance 'orders'. What is not here has its default ('pgkvm help spec').
                formatVersion: 1      # the format of the file
                name: orders          # 1 to 40 lower-case letters, digits and single hyphens; also the host name
                machine:
                  memory: 4GiB        # memory, 512MiB to 4TiB in whole MiB
                  systemDisk:
                    layout: overlay   # copy stands alone; overlay lies on a base
                postgresql:
                  settings:           # settings of postgresql.conf; they win over what pgkvm computes
                    jit: "off"
                  roles:              # roles that log in, each with a generated password
                    - name: app
                      memberOf: []
                  databases:          # databases
                    - name: shop
                      owner: app
                      extensions: []

                """)
    }

    @Test("What was written reads back as an equal spec", arguments: 0..<300 as Range<UInt64>)
    func roundTrip(seed: UInt64) throws {
        var random = SpecGenerator(seed: seed)
        let spec = try random.spec()
        #expect(try SpecFile.parse(SpecFile.renderBriefly(spec), file: "seed \(seed)") == spec)
    }
}
