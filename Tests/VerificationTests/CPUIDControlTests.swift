import ApplianceModel
import HostSystem
import SystemPackage
import TestSupport
import Testing

@testable import Probes
@testable import Verification

/// The control of the check: QEMU itself masks the flag. A boot sector executes CPUID, no system is needed.
@Suite("Masked AES-NI in a real machine", .serialized, .enabled(if: ProgramRunner.lookUp("qemu-system-x86_64") != nil, "needs QEMU"))
struct CPUIDControlTests {
    private static let questions = [
        CPUIDQuestion(0), CPUIDQuestion(1), CPUIDQuestion(7), CPUIDQuestion(0x4000_0000), CPUIDQuestion(0x8000_0000),
    ]

    /// Real mode, at 0x7c00: CPUID for each of the questions behind the code, 16 bytes each to the debug console, then off.
    private static let code: [UInt8] = [
        0xea, 0x05, 0x7c, 0x00, 0x00,  //    ljmp   0:0x7c05
        0x31, 0xc0,  //                      xor    ax, ax
        0x8e, 0xd8,  //                      mov    ds, ax
        0x8e, 0xd0,  //                      mov    ss, ax
        0xbc, 0x00, 0x7c,  //                mov    sp, 0x7c00
        0xfc,  //                            cld
        0xbe, 0x50, 0x7c,  //                mov    si, 0x7c50       the questions
        0xbd, UInt8(questions.count), 0,  // mov    bp, their number
        0x66, 0x8b, 0x04,  //          next: mov    eax, [si]
        0x66, 0x8b, 0x4c, 0x04,  //          mov    ecx, [si + 4]
        0x0f, 0xa2,  //                      cpuid
        0x66, 0xa3, 0x00, 0x80,  //          mov    [0x8000], eax
        0x66, 0x89, 0x1e, 0x04, 0x80,  //    mov    [0x8004], ebx
        0x66, 0x89, 0x0e, 0x08, 0x80,  //    mov    [0x8008], ecx
        0x66, 0x89, 0x16, 0x0c, 0x80,  //    mov    [0x800c], edx
        0x56,  //                            push   si
        0xbe, 0x00, 0x80,  //                mov    si, 0x8000
        0xb9, 0x10, 0x00,  //                mov    cx, 16
        0xba, 0xe9, 0x00,  //                mov    dx, 0xe9         isa-debugcon
        0xf3, 0x6e,  //                      rep    outsb
        0x5e,  //                            pop    si
        0x83, 0xc6, 0x08,  //                add    si, 8
        0x4d,  //                            dec    bp
        0x75, 0xd1,  //                      jnz    next
        0xba, 0x01, 0x05,  //                mov    dx, 0x501        isa-debug-exit
        0xee,  //                            out    dx, al
        0xf4,  //                      halt: hlt
        0xeb, 0xfd,  //                      jmp    halt
    ]

    private static var sector: [UInt8] {
        let body = code + [UInt8](repeating: 0, count: 0x50 - code.count) + GuestCPUID.encode(questions)
        return body + [UInt8](repeating: 0, count: 510 - body.count) + [0x55, 0xaa]
    }

    /// Boots the sector and judges what it printed as if a guest had said it.
    private func findings(processor: String) async throws -> [String: Finding] {
        let directory = try Files.createTemporaryDirectory(in: "/tmp", prefix: "pgkvm-cpuid")
        defer { try? Files.remove(directory) }
        let (disk, output) = (directory.appending("boot"), directory.appending("output"))
        try Files.write(Self.sector, to: disk)
        let result = try await ProgramRunner.run(
            "timeout",
            [
                "300", "qemu-system-x86_64", "-machine", "pc,accel=tcg", "-cpu", processor, "-m", "16M", "-no-user-config", "-nodefaults", "-display", "none",
                "-drive", "file=\(disk),format=raw,if=ide", "-debugcon", "file:\(output)", "-device", "isa-debug-exit,iobase=0x501,iosize=1",
            ])
        // The device that ends QEMU makes its status odd.
        #expect(result.status % 2 == 1, "\(result.status): \(result.errorText)")
        let guest = try #require(GuestCPUID.decode(try Files.read(output), Self.questions))
        let seen = ProcessorObservation(host: HostCPU.leaves(), guest: guest)
        return Dictionary(uniqueKeysWithValues: ProcessorChecks.findings(seen, .tcg).map { ($0.check, $0) })
    }

    @Test("'-cpu max,-aes' fails every time, and '-cpu max' never does")
    func aes() async throws {
        let outcome = try await LieDetection.alternate { isLie, _ in try await findings(processor: isLie ? "max,-aes" : "max")["cpu.aes"] }
        #expect(outcome == .perfect)
    }

    @Test("A machine that hides its emulator is not taken for one of TCG")
    func hidden() async throws {
        #expect(try await findings(processor: "max")["cpu.identity"]?.level == .skip)
        #expect(try await findings(processor: "max,-hypervisor")["cpu.identity"]?.level == .fail)
    }
}
