import ApplianceModel
import Basics
import Deployment
import FoundationEssentials
import HostSystem
import SystemPackage
import TestSupport
import Testing

@testable import Guide

@Suite("The commands by hand")
struct ByHandTests {
    /// The command line of the backend's own golden file, which it is held against.
    private func command() throws -> [String] {
        let file = FilePath(#filePath).removingLastComponent().removingLastComponent().appending("Golden/QEMUBackend/kvm-iothread.txt")
        return ["/usr/bin/qemu-system-x86_64"] + (try Files.readText(file).split(separator: "\n").map(String.init))
    }

    private func subject(_ scratch: GuideScratch, command: [String]? = nil) async throws -> ByHandSubject {
        let spec = ApplianceSpec(name: try scratch.name())
        let plan = try await scratch.situation(spec).plan
        // A plan is what a reader of JSON gets: that is a way to have one with another command.
        var members = try JSONDecoder().decode([String: JSONValue].self, from: JSONEncoder().encode(plan))
        members["command"] = .array((try command ?? self.command()).map { .string($0) })
        return ByHandSubject(spec: spec, plan: try JSONDecoder().decode(DeploymentPlan.self, from: JSONEncoder().encode(members)))
    }

    private func text(_ stop: StopID, _ subject: ByHandSubject) -> String {
        ByHand.sections(stop, subject).map { "\($0.title)\n\n\($0.lines.joined(separator: "\n"))\n" }.joined(separator: "\n")
    }

    @Test("Those of each stop are as committed, and fit 80 columns", arguments: StopID.allCases)
    func golden(stop: StopID) async throws {
        try await GuideScratch.with { scratch in
            let text = text(stop, try await subject(scratch))
            try Golden.expect(text, "Guide/by-hand-\(stop.rawValue).txt")
            #expect(text.split(separator: "\n").allSatisfy { $0.count <= 80 }, "\(text)")
        }
    }

    @Test("What stops decide of QEMU's command line is there word for word, and each option at one stop only")
    func options() async throws {
        try await GuideScratch.with { scratch in
            let subject = try await subject(scratch)
            // Lines that the shell joins.
            let stops: [StopID] = [.disk, .cpu, .network, .image]
            let joined = stops.map { QEMUByHand.lines($0, subject).joined(separator: "\n").replacing("\\\n", with: "") }
            for option in [
                "-cpu host", "-smp cpus=2,sockets=1,cores=2,threads=1", "-netdev user,id=net0", "-object iothread,id=data-io", "drive=data,id=data-disk",
            ] {
                #expect(joined.filter { $0.contains(option) }.count == 1, "\(option)")
            }
        }
    }

    @Test("A shell makes of the lines the words that they were made of")
    func shell() async throws {
        let words = try command() + ["a b", "it's", String(repeating: "long,", count: 40), "x=\(String(repeating: "y", count: 100))"]
        let lines = ShellLines.command(["printf", "%s\\n"] + words)
        let result = try await ProgramRunner.check("sh", ["-c", lines.joined(separator: "\n")])
        #expect(result.outputText.split(separator: "\n").map(String.init) == words)
    }

    @Test("What is chosen at the deployment is a word in capitals")
    func placeholders() {
        #expect(QEMUByHand.named("mac=<MAC address, chosen at the deployment>,x=1") == "mac=MAC_ADDRESS,x=1")
        #expect(QEMUByHand.named("tcp:127.0.0.1:<port for SSH, chosen at the deployment>-:22") == "tcp:127.0.0.1:PORT_FOR_SSH-:22")
    }
}
