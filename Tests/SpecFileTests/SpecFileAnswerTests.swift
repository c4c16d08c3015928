import ApplianceModel
import SpecFile
import Testing

@Suite("One value of a spec at a time")
struct SpecFileAnswerTests {
    private func spec() throws -> ApplianceSpec { ApplianceSpec(name: try #require(ApplianceName("orders"))) }

    @Test("A value is read as it would be in a file, and nothing else changes")
    func values() throws {
        var wanted = try spec()
        wanted.dataDisk.size = .gibibytes(20)
        #expect(try SpecFile.setting("data.size", of: spec(), to: "20 GiB") == wanted)
        wanted = try spec()
        wanted.machine.image = .cached("13.1")
        #expect(try SpecFile.setting("machine.image", of: spec(), to: "13.1") == wanted)
        wanted = try spec()
        wanted.network.sshPort = 2222
        #expect(try SpecFile.setting("network.sshPort", of: spec(), to: "2222") == wanted)
        #expect(try SpecFile.setting("network.sshPort", of: wanted, to: nil) == spec())
        wanted = try spec()
        wanted.machine.systemDisk.size = .gibibytes(16)
        #expect(try SpecFile.setting("machine.systemDisk.size", of: spec(), to: "16GiB") == wanted)
    }

    @Test(
        "A wrong value is refused in the words of the file's reader",
        arguments: [
            ("data.size", "much", "is not a size"), ("machine.vcpus", "two", "whole number"), ("machine.vcpus", "-1", "allowed are 1 to 256"),
            ("postgresql.profile", "[mixed]", "not possible here"), ("postgresql.timeZone", "a: b\n- c", "time zone"), ("machine.vcpus", "", "whole number"),
            ("data.adopt", "relative", "absolute path"),
        ])
    func faults(key: String, text: String, reason: String) throws {
        let error = #expect(throws: Failure.self) { try SpecFile.setting(key, of: spec(), to: text) }
        #expect(error?.code == .specInvalid)
        #expect(error?.message.contains(reason) == true, "\(error?.message ?? "")")
    }

    @Test("The file with every value and a comment for each reads back as the same spec")
    func commented() throws {
        for seed in 0..<100 as Range<UInt64> {
            var generator = SpecGenerator(seed: seed)
            let spec = try generator.spec()
            let text = SpecFile.renderCommented(spec, head: ["one line", "and another: # odd"])
            #expect(try SpecFile.parse(text, file: "spec.yaml") == spec, "\(text)")
            #expect(text.hasPrefix("# one line\n# and another: # odd\nformatVersion: 1"))
        }
    }
}
