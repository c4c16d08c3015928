import ApplianceModel
import Basics
import HostSystem
import SystemPackage
import TestSupport
import Testing

@testable import Deployment

@Suite("A state directory that another user could write", .enabled("only root gives files away") { HostEnvironment.isRoot })
struct TrustedStateTests {
    private func run(_ words: String...) async throws { _ = try await ProgramRunner.check(words[0], Array(words.dropFirst())) }

    @Test(
        "An appliance's directory, and a file in it, of another user are refused by everything, and 'list' shows the others",
        arguments: [
            "", "known_host", "journal.jsonl", "records",
        ])
    func foreign(part: String) async throws {
        try await Scratch.with { scratch in
            try await scratch.half()
            try await scratch.half("other")
            let path = try scratch.directory().path
            let foreign = part.isEmpty ? path : path.appending(part)
            if !Files.exists(foreign) { try Files.createDirectory(foreign) }
            try await run("chown", "65534", foreign.string)
            let error = #expect(throws: Failure.self) { try Appliance.open("db", in: scratch.environment) }
            #expect(error?.code == .stateUntrusted)
            let refused = await #expect(throws: Failure.self) { _ = try await scratch.deploy(scratch.spec()) }
            #expect(refused?.code == .stateUntrusted)
            #expect(try await ApplianceListing.all(in: scratch.environment).map(\.deployment) == ["untrusted", "incomplete"])
        }
    }

    @Test("A new appliance is not begun in a directory that somebody else made for it, nor in a state directory that all may write")
    func planted() async throws {
        try await Scratch.with { scratch in
            try Files.createDirectory(scratch.state.path)
            let planted = try scratch.directory().path
            try Files.createDirectory(planted)
            try await run("chmod", "0777", planted.string)
            #expect(await failure { _ = try await scratch.deploy(scratch.spec()) }?.code == .stateUntrusted)
            #expect(try Files.list(planted).isEmpty)
            try Files.remove(planted)
            try await run("chmod", "0777", scratch.state.path.string)
            let error = await failure { _ = try await scratch.deploy(scratch.spec()) }
            #expect(error?.code == .stateUntrusted)
            #expect(error?.remedy == "chmod go-w '\(scratch.state.path)'" || error?.remedy == "chmod go-w \(scratch.state.path)")
            #expect(await failure { _ = try await ApplianceListing.all(in: scratch.environment) }?.code == .stateUntrusted)
            #expect(try Files.list(scratch.state.path).isEmpty)
        }
    }

    private func failure(_ body: () async throws -> Void) async -> Failure? {
        do {
            try await body()
            return nil
        } catch {
            return error as? Failure
        }
    }
}
