import ApplianceModel
import Basics
import HostSystem
import SystemPackage
import TestSupport
import Testing

/// What the program refuses before there is a guest.
@Suite("Refused before there is a guest")
struct RefusalTests {
    /// Runs the program in a state directory of its own; the refusal is on standard error, and standard output stays empty.
    private func refusal(
        of arguments: String..., status: Int32 = 1, in home: PGKVMHome, sourceLocation: SourceLocation = #_sourceLocation
    ) async throws -> String {
        let result = try await home.run(arguments)
        #expect(result.status == status, "\(result.errorText)", sourceLocation: sourceLocation)
        #expect(result.outputText.isEmpty, sourceLocation: sourceLocation)
        #expect(try await home.hasNoProcesses(), sourceLocation: sourceLocation)
        return result.errorText
    }

    /// Expects every part in the text.
    private func expect(_ text: String, says parts: String..., sourceLocation: SourceLocation = #_sourceLocation) {
        for part in parts { #expect(text.contains(part), "'\(part)' is not in:\n\(text)", sourceLocation: sourceLocation) }
    }

    @Test("A name that is none is refused with the rule, and nothing is made", arguments: ["Bad", "-x", "a--b", "ümlaut", "a b", "$(reboot)", ""])
    func badName(name: String) async throws {
        try await PGKVMHome.with { home in
            let said = try await refusal(of: "deploy", "--", name, in: home)
            expect(said, says: "'\(name)' is not an appliance name", "try: a name has 1 to 40 lower-case letters")
            #expect(try Files.list(home.path).isEmpty)
        }
    }

    @Test("Impossible sizes, counts and ports are all told at once, and nothing is made")
    func badSizes() async throws {
        try await PGKVMHome.with { home in
            let said = try await refusal(
                of: "deploy", "orders", "--vcpus", "0", "--memory", "12MiB", "--data-disk", "3MiB", "--port", "22", in: home)
            expect(said, says: "orders has 4 faults", "machine.vcpus", "machine.memory", "data.size", "network.postgresqlPort", "allowed are")
            #expect(try Files.list(home.path).isEmpty)
        }
    }

    @Test("Options that are no values, and commands that are none, exit with 64")
    func usage() async throws {
        try await PGKVMHome.with { home in
            expect(try await refusal(of: "frobnicate", status: 64, in: home), says: "frobnicate")
            expect(try await refusal(of: "deploy", "orders", "--memory", "12parsecs", status: 64, in: home), says: "12parsecs", "--memory")
            expect(try await refusal(of: "deploy", "orders", "--boot-patience", "0", status: 64, in: home), says: "--boot-patience")
            expect(try await refusal(of: "stop", "orders", "--grace", "-1", status: 64, in: home), says: "grace")
        }
    }

    @Test("A spec file's faults are told all at once, each with its line")
    func specFaults() async throws {
        try await PGKVMHome.with { home in
            let file = home.path.appending("spec.yaml")
            let text = """
                formatVersion: 1
                name: Orders
                machine:
                  memroy: 2GiB
                  vcpus: many
                network:
                  address: sometimes
                data:
                  size: 10 bananas
                postgresql:
                  allowFrom: [10.0.0.1/8]
                """
            try Files.write(text, to: file)
            let said = try await refusal(of: "deploy", file.string, in: home)
            let lines: [(Int, String)] = [(2, "Orders"), (4, "memroy"), (5, "vcpus"), (7, "sometimes"), (9, "bananas"), (11, "10.0.0.1/8")]
            for (line, part) in lines {
                let told = said.split(separator: "\n").contains { $0.contains("\(file):\(line): ") && $0.contains(part) }
                #expect(told, "line \(line), '\(part)', is not in:\n\(said)")
            }
            #expect(try Files.list(home.path) == ["spec.yaml"])
        }
    }

    @Test("A spec of a later format is refused")
    func laterFormat() async throws {
        try await PGKVMHome.with { home in
            let file = home.path.appending("later.yaml")
            try Files.write("formatVersion: 999\nname: orders\n", to: file)
            expect(try await refusal(of: "deploy", file.string, in: home), says: "999", "try:")
        }
    }

    @Test("A data disk larger than the free space is refused before a disk is made")
    func diskTooLarge() async throws {
        try await PGKVMHome.with { home in
            // Far more than is free: other tests take and give back space all the time.
            let size = min(2 * (try Files.freeSpace(at: home.path).mebibytes) + 10_240, 16 << 20)
            let said = try await refusal(of: "deploy", "orders", "--data-disk", "\(size)MiB", in: home)
            expect(said, says: "MiB are free", "try: free space")
            #expect(!Files.exists(home.machine("orders")))
            // What was refused holds nobody up: the name is free for another spec, and a delete takes it away.
            try await home.check("delete", "orders", "--confirm", "orders")
            #expect(try Files.list(home.path).isEmpty)
        }
    }

    @Test("A port that somebody listens on is refused by its key, and no machine is made")
    func usedPort() async throws {
        try await PGKVMHome.with { home in
            let home = home.withOwnCache
            let image = try await BlankDisk.importImage(into: home, name: "blank")
            try await LoopbackListener.with { port in
                let said = try await refusal(of: "deploy", "orders", "--image", image, "--data-disk", "1GiB", "--port", "\(port)", in: home)
                expect(said, says: "network.postgresqlPort: port \(port) on 127.0.0.1 is in use", "try: choose another port")
            }
            #expect(!Files.exists(home.machine("orders")))
        }
    }

    @Test("KVM that was asked for and does not work is refused with reason and remedy", .enabled("KVM does not work here") { try await !KVM.works() })
    func noKVM() async throws {
        try await PGKVMHome.with { home in
            let said = try await refusal(of: "deploy", "orders", "--accelerator", "kvm", in: home)
            expect(said, says: "KVM", "try:", "--accelerator tcg")
            #expect(!Files.exists(home.machine("orders")))
        }
    }

    @Test("An image that nobody has is refused")
    func noImage() async throws {
        try await PGKVMHome.with { home in
            let said = try await refusal(of: "deploy", "orders", "--image", "nosuch", "--data-disk", "1GiB", in: home.withOwnCache)
            expect(said, says: "there is no image 'nosuch' in the cache", "pgkvm image import")
            #expect(!Files.exists(home.machine("orders")))
        }
    }

    @Test("An import needs a checksum, and the right one")
    func wrongChecksum() async throws {
        try await PGKVMHome.with { home in
            let home = home.withOwnCache
            let disk = try await BlankDisk.make(in: home.path)
            expect(try await refusal(of: "image", "import", disk.string, status: 64, in: home), says: "--checksum")
            expect(try await refusal(of: "image", "import", disk.string, "--checksum", "sha256:00", in: home), says: "'sha256:00' is not a checksum")
            let wrong = "sha256:" + String(repeating: "0", count: 64)
            expect(try await refusal(of: "image", "import", disk.string, "--checksum", wrong, "--name", "blank", in: home), says: "checksum", disk.string)
            #expect(try await home.check("image", "list", "--format", "json").filter { !$0.isWhitespace } == "[]")
            let cache = home.path.appending(".cache").appending("pgkvm").appending("images")
            #expect(try Set(Files.list(cache)).subtracting([".lock", ".pgkvm.log"]).isEmpty)
        }
    }

    @Test("A state directory whose socket paths would be too long is refused before anything is made")
    func longPath() async throws {
        try await PGKVMHome.with { home in
            var deep = home
            deep.environment["PGKVM_HOME"] = home.path.appending(String(repeating: "d", count: 80)).string
            let said = try await refusal(of: "deploy", "orders", in: deep)
            expect(said, says: "socket path", "107 at most", "shorter path")
        }
    }

    @Test("A delete that nobody confirms, or that another name confirms, removes nothing")
    func unconfirmedDelete() async throws {
        try await PGKVMHome.with { home in
            // A deployment that was refused is enough to be deleted.
            _ = try await refusal(of: "deploy", "orders", "--image", "nosuch", "--data-disk", "1GiB", in: home)
            expect(try await refusal(of: "delete", "orders", in: home), says: "nobody is there to confirm", "--confirm orders")
            expect(try await refusal(of: "delete", "orders", "--confirm", "order", in: home), says: "nothing was removed")
            #expect(try await home.check("list", "--names") == "orders")
            try await home.check("delete", "orders", "--confirm", "orders")
            #expect(try await home.check("list", "--names").isEmpty)
        }
    }

    @Test(
        "Every command about an appliance that is not there names those that are",
        arguments: [
            ["verify"], ["report"], ["status"], ["start"], ["stop"], ["restart"], ["ssh"], ["psql"], ["console"], ["logs"], ["connection"], ["delete"],
            ["top"], ["priority"], ["autostart"], ["diagnose"],
        ])
    func unknownAppliance(command: [String]) async throws {
        try await PGKVMHome.with { home in
            let result = try await home.run(command + ["nope"])
            #expect(result.status == 1)
            expect(result.errorText, says: "there is no appliance 'nope'", "try: pgkvm deploy nope")
        }
    }
}

/// Whether this host's KVM runs guests.
enum KVM {
    static func works() async throws -> Bool {
        try await PGKVMHome.with { try await $0.run("doctor", "--accelerator", "kvm").status == 0 }
    }
}
