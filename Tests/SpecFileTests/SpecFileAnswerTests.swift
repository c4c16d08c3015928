import ApplianceModel
import Basics
import SpecFile
import Testing

@Suite("One value of a spec at a time")
struct SpecFileAnswerTests {
    private func spec() throws -> ApplianceSpec { ApplianceSpec(name: try #require(ApplianceName("orders"))) }

    @Test("A value is read as it would be in a file, and nothing else changes")
    func values() throws {
        let standard = try spec()
        func setting(_ key: String, _ text: String?, of spec: ApplianceSpec? = nil) throws -> ApplianceSpec {
            try SpecFile.setting(key, of: spec ?? standard, to: text)
        }
        var wanted = standard
        wanted.dataDisk.size = .gibibytes(20)
        #expect(try setting("data.size", "20 GiB") == wanted)
        wanted = standard
        wanted.machine.image = .cached("13.1")
        #expect(try setting("machine.image", "13.1") == wanted)
        wanted = standard
        wanted.network.sshPort = 2222
        #expect(try setting("network.sshPort", "2222") == wanted)
        #expect(try setting("network.sshPort", nil, of: wanted) == standard)
        wanted = standard
        wanted.machine.systemDisk.size = .gibibytes(16)
        #expect(try setting("machine.systemDisk.size", "16GiB") == wanted)
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
