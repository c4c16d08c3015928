import ApplianceModel
import Basics
import CloudInit
import HostSystem
import SystemPackage
import Testing

@Suite("The files of a seed")
struct SeedTests {
    @Test("They are the golden ones", arguments: Fixtures.addresses)
    func golden(name: String, address: GuestNetwork.Address) throws {
        let files = try Fixtures.seed(address).render()
        try files.userData.withRevealed { try expectGolden($0, "user-data") }
        try expectGolden(files.metaData, "meta-data")
        try expectGolden(files.networkConfig, "network-config.\(name)")
    }

    @Test("cloud-init's schema accepts the user-data, and refuses a wrong one", .enabled(if: Fixtures.hasSchema, "needs apt-get and python3"))
    func schema() async throws {
        try await withTemporaryDirectory { directory in
            let file = directory.appending("user-data")
            let userData = try Fixtures.seed().render().userData
            try userData.withRevealed { try Files.write($0, to: file) }
            let good = try await ProgramRunner.run("sh", [Fixtures.schemaScript.string, "schema", file.string])
            #expect(good.status == 0, "\(good.outputText)\(good.errorText)")
            #expect(!(good.outputText + good.errorText).lowercased().contains("deprecat"))
            try userData.withRevealed { try Files.write($0 + "ssh_genkeytypes: []\n", to: file) }
            #expect(try await ProgramRunner.run("sh", [Fixtures.schemaScript.string, "schema", file.string]).status == 1)
        }
    }

    @Test("cloud-init reads what was meant, for any allowed value", .enabled(if: Fixtures.hasSchema, "needs apt-get and python3"))
    func readBack() async throws {
        try await withTemporaryDirectory { directory in
            var seed = try Fixtures.seed(.static(.userNetworking))
            // Words and numbers that YAML reads in its own way; an address of digits only, which it could take for a number in base 60.
            seed.identity.instanceID = "017"
            seed.identity.hostname = try #require(ApplianceName("null"))
            seed.identity.userName = "no"
            seed.identity.authorizedKey = "\(Fixtures.publicKey) o'brien \"the\\admin\" # $HOME {{x}} &amp; <a> : - |"
            seed.network.macAddress = "12:40:37:10:20:30"
            let files = try seed.render()
            func load(_ name: String, _ text: String) async throws -> String {
                let file = directory.appending(name)
                try Files.write(text, to: file)
                return try await ProgramRunner.check("sh", [Fixtures.schemaScript.string, "load", file.string]).outputText
            }
            let text = files.userData.withRevealed { $0 }
            let userData = try await load("user-data", text)
            #expect(userData.contains(#""hostname": "null""#))
            #expect(userData.contains(#""name": "no""#))
            #expect(userData.contains(#"["\#(Fixtures.publicKey) o'brien \"the\\admin\" # $HOME {{x}} &amp; <a> : - |"]"#))
            let pem = Fixtures.privateKey.withRevealed { $0.replacing("\n", with: "\\n") }
            #expect(userData.contains(#""ed25519_private": "\#(pem)""#))
            #expect(try await load("meta-data", files.metaData) == #"{"instance-id": "017", "local-hostname": "null"}"# + "\n")
            #expect(
                try await load("network-config", files.networkConfig) == """
                    {"ethernets": {"eth0": {"addresses": ["10.0.2.15/24"], "dhcp4": false, "match": {"macaddress": "12:40:37:10:20:30"}, \
                    "nameservers": {"addresses": ["10.0.2.3"]}, "routes": [{"to": "0.0.0.0/0", "via": "10.0.2.2"}], "set-name": "eth0"}}, "version": 2}

                    """)
        }
    }

    @Test(
        "cloud-init makes the network of it that was meant, for both renderers", .enabled(if: Fixtures.hasSchema, "needs apt-get and python3"),
        arguments: Fixtures.addresses)
    func network(name: String, address: GuestNetwork.Address) async throws {
        try await withTemporaryDirectory { directory in
            let file = directory.appending("network-config")
            try Files.write(try Fixtures.seed(address).render().networkConfig, to: file)
            for kind in ["networkd", "netplan"] {
                let output = directory.appending(kind)
                _ = try await ProgramRunner.check(
                    "sh", [Fixtures.schemaScript.string, "convert", file.string, kind, output.string, "eth0,\(Fixtures.macAddress)"])
                let rendered = try files(below: output).map { try Files.readText(output.appending($0)) }.joined()
                #expect(rendered.contains(Fixtures.macAddress))
                #expect(rendered.contains("10.0.2.15/24") == (name == "static"))
                #expect(rendered.contains(kind == "networkd" ? "DHCP=ipv4" : "dhcp4: true") == (name == "dhcp"))
                #expect(rendered.contains(kind == "networkd" ? "Gateway=10.0.2.2" : "via: 10.0.2.2") == (name == "static"))
                #expect(rendered.contains("10.0.2.3") == (name == "static"))
            }
        }
    }

    @Test("Values that could break out of their place are refused")
    func refused() throws {
        func refuses(_ change: (inout Seed) -> Void) throws -> Bool {
            var seed = try Fixtures.seed()
            change(&seed)
            do {
                _ = try seed.render()
                return false
            } catch let failure as Failure {
                return failure.code == .seedInvalid && !failure.message.contains("\n")
            }
        }
        #expect(try refuses { $0.identity.instanceID = "" })
        #expect(try refuses { $0.identity.instanceID = "a\nb" })
        #expect(try refuses { $0.identity.userName = "Root" })
        #expect(try refuses { $0.identity.userName = "a b" })
        #expect(try refuses { $0.identity.authorizedKey = "\(Fixtures.publicKey)\n  - another" })
        #expect(try refuses { $0.identity.authorizedKey = "ssh-rsa AAAA" })
        #expect(try refuses { $0.identity.authorizedKey = "command=\"x\" \(Fixtures.publicKey)" })
        #expect(try refuses { $0.identity.authorizedKey = "\(Fixtures.publicKey) größe" })
        #expect(try refuses { $0.identity.hostKey = SSHKeyPair(privateKey: Secret("text"), publicKey: Fixtures.publicKey) })
        let tail = Secret(Fixtures.privateKey.withRevealed { $0 + "\u{85}runcmd: [x]\n" })
        #expect(try refuses { $0.identity.hostKey = SSHKeyPair(privateKey: tail, publicKey: Fixtures.publicKey) })
        for address in ["", "52:54:00:12:34", "52:54:00:12:34:5G", "52:54:00:12:34:AB", "52-54-00-12-34-56", "52:54:00:12:34:56:78", "525:4:00:12:34:56"] {
            #expect(try refuses { $0.network.macAddress = address })
        }
        var address = StaticAddress.userNetworking
        address.prefixLength = 33
        #expect(try refuses { $0.network.address = .static(address) })
    }

    @Test("A directory of templates takes the place of the ones built in, file by file")
    func templates() async throws {
        try await withTemporaryDirectory { directory in
            try Files.write("instance-id: {{{instanceID}}} # own\n", to: directory.appending("meta-data"))
            let templates = try SeedTemplates.load(from: directory)
            #expect(templates.userData == SeedTemplates.builtin.userData)
            #expect(try Fixtures.seed().render(templates: templates).metaData == "instance-id: \"5b1f0e7c-orders\" # own\n")
            try Files.write("{{#open}}", to: directory.appending("meta-data"))
            let broken = try SeedTemplates.load(from: directory)
            #expect {
                try Fixtures.seed().render(templates: broken)
            } throws: {
                ($0 as? Failure)?.code == .templateInvalid
            }
        }
    }

    @Test("The private key prints nowhere")
    func secret() throws {
        var text = ""
        dump(try Fixtures.seed(), to: &text)
        dump(try Fixtures.seed().render(), to: &text)
        text += "\(try Fixtures.seed()) \(try Fixtures.seed().render())"
        #expect(!text.contains("PRIVATE KEY"))
    }
}
