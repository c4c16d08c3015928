import ApplianceModel
import Basics
import HostSystem
import SecureShell
import SystemPackage
import TestSupport
import Testing

@testable import Probes

/// One at a time: the program has one place.
@Suite("CPUID as the guest executes it", .serialized)
struct GuestCPUIDTests {
    private let questions = [CPUIDQuestion(0), CPUIDQuestion(1)]
    /// AMD's leaf 0 and leaf 1 of the recorded host.
    private let answer: [UInt8] =
        [0x10, 0, 0, 0] + Array("AuthcAMDenti".utf8) + [
            0x10, 0x0f, 0x83, 0x00, 0x00, 0x08, 0x02, 0x01, 0x03, 0x32, 0xf8, 0xff, 0xff, 0xfb, 0x8b, 0x17,
        ]
    private let failed = ShellResult(status: 1)

    @Test("The program is small, and says on this host what this host's CPUID says")
    func program() async throws {
        #expect(CPUIDProgram.bytes.count <= 2048)
        let questions = [CPUIDQuestion(0), CPUIDQuestion(7), CPUIDQuestion(0x8000_0000), CPUIDQuestion(0x8000_0002)]
        let table = try #require(try await GuestCPUID.runProgram(LocalShell(), questions))
        #expect(table == HostCPU.leaves(questions))
        #expect(!Files.exists(FilePath(GuestCPUID.directory)))
        // Those of leaf 1 hold the number of the processor that was asked.
        let one = try #require(try await GuestCPUID.runProgram(LocalShell(), self.questions))
        #expect(one[1]?.hasAES == HostCPU.current().hasAES)
    }

    @Test("The program takes what a killed run left, and ends in an error on half a question")
    func programEnds() async throws {
        try Files.createDirectory(FilePath(GuestCPUID.directory))
        try Files.write("old", to: FilePath("\(GuestCPUID.directory)/cpuid"))
        #expect(try await GuestCPUID.runProgram(LocalShell(), questions) != nil)
        #expect(!Files.exists(FilePath(GuestCPUID.directory)))

        let directory = try Files.createTemporaryDirectory(in: "/dev/shm", prefix: "pgkvm-test")
        defer { try? Files.remove(directory) }
        let program = directory.appending("cpuid")
        try await Files.writeProgram(CPUIDProgram.bytes, to: program)
        let half = try await ProgramRunner.run("sh", ["-c", "exec \(program)"], input: [0, 0, 0, 0])
        #expect(half.status == 1)
        #expect(half.standardOutput.isEmpty)
        let none = try await ProgramRunner.run("sh", ["-c", "exec \(program)"])
        #expect(none.status == 0)
        // One that comes in two pieces is one question all the same.
        let pieces = try await ProgramRunner.run("sh", ["-c", "{ printf '\\0\\0\\0'; sleep 0.05; printf '\\0\\0\\0\\0\\0'; } | \(program)"])
        #expect(pieces.standardOutput.count == 16)
        let full = try await ProgramRunner.run("sh", ["-c", "head -c 8 /dev/zero | \(program) >/dev/full"])
        #expect(full.status == 1)
    }

    @Test("The module's answer is taken, and nothing is sent")
    func module() async throws {
        let shell = ScriptedShell([GuestCPUID.moduleCommand.text: ShellResult(status: 0, standardOutput: answer)])
        let table = try #require(try await GuestCPUID.read(shell, questions))
        #expect(ProcessorIdentity(table)?.description == "AuthenticAMD family 23 model 49 stepping 0")
        #expect(shell.commands == [GuestCPUID.moduleCommand.text])
        #expect(shell.inputs == [[0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0]])
        #expect(shell.files.isEmpty)
    }

    @Test("Without the module, or with half an answer of it, the program is sent and run", arguments: [0, 31, 33])
    func fallback(bytes: Int) async throws {
        let module = ShellResult(status: bytes == 0 ? 3 : 0, standardOutput: Array((answer + [0]).prefix(bytes)))
        let shell = ScriptedShell([
            GuestCPUID.moduleCommand.text: module, GuestCPUID.prepareCommand.text: ShellResult(status: 0),
            GuestCPUID.programCommand.text: ShellResult(status: 0, standardOutput: answer),
        ])
        #expect(try await GuestCPUID.read(shell, questions)?[0]?.eax == 0x10)
        #expect(shell.files == ["/dev/shm/pgkvm-cpuid/cpuid": CPUIDProgram.bytes])
    }

    @Test("Where neither way works there is no answer")
    func neither() async throws {
        for (prepare, program) in [(failed, failed), (ShellResult(status: 0), ShellResult(status: 126))] {
            let shell = ScriptedShell([
                GuestCPUID.moduleCommand.text: failed, GuestCPUID.prepareCommand.text: prepare, GuestCPUID.programCommand.text: program,
            ])
            #expect(try await GuestCPUID.read(shell, questions) == nil)
        }
    }

    @Test("A program that was sent is removed when it cannot be run to its end")
    func removed() async throws {
        let shell = ScriptedShell([
            GuestCPUID.prepareCommand.text: [.success(ShellResult(status: 0))],
            GuestCPUID.programCommand.text: [.failure(Failure(.invalidInput, "gone"))],
            GuestCPUID.removeCommand.text: [.success(ShellResult(status: 0))],
        ])
        await #expect(throws: Failure.self) { try await GuestCPUID.runProgram(shell, questions) }
        #expect(shell.commands.last == GuestCPUID.removeCommand.text)
    }
}
