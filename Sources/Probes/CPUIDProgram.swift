/// A program for the guest that executes CPUID. It is assembled by hand, because the guest has no compiler.
///
/// It reads questions from its standard input, 8 bytes each (leaf and sub-leaf, little-endian), and writes 16 bytes for each (EAX, EBX, ECX, EDX). It
/// exits with 0 at the end of its input, and with 1 after half a question or if its output is not read.
enum CPUIDProgram {
    /// An ELF file for 64-bit Linux that needs no library: two headers, followed by the code.
    static let bytes: [UInt8] = header + programHeader + code

    private static let address: UInt64 = 0x40_0000
    private static let headerSizes: UInt64 = 64 + 56

    private static let header: [UInt8] =
        // Magic number; 64 bits, little-endian, version 1, System V.
        [0x7f, 0x45, 0x4c, 0x46, 2, 1, 1, 0] + number(0, 8)
        // Executable, x86-64, version 1, entry point.
        + number(2, 2) + number(62, 2) + number(1, 4) + number(address + headerSizes, 8)
        // Program headers at 64, no section headers, no flags.
        + number(64, 8) + number(0, 8) + number(0, 4)
        // Sizes: of this header, of a program header, one of them; no sections.
        + number(64, 2) + number(56, 2) + number(1, 2) + number(0, 6)

    private static let programHeader: [UInt8] =
        // Load it, readable and executable, from the start of the file.
        number(1, 4) + number(5, 4) + number(0, 8) + number(address, 8) + number(address, 8)
        // Its size in the file and in memory, and its alignment.
        + number(headerSizes + UInt64(code.count), 8) + number(headerSizes + UInt64(code.count), 8) + number(0x1000, 8)

    private static func number(_ value: UInt64, _ size: Int) -> [UInt8] { (0..<size).map { UInt8(truncatingIfNeeded: value >> ($0 * 8)) } }

    private static let code: [UInt8] = [
        0x48, 0x83, 0xec, 0x20,  //          sub    rsp, 32
        0x45, 0x31, 0xe4,  //          next: xor    r12d, r12d       bytes of the question so far
        0x31, 0xc0,  //                more: xor    eax, eax         read
        0x31, 0xff,  //                      xor    edi, edi         from the standard input
        0x4a, 0x8d, 0x34, 0x24,  //          lea    rsi, [rsp + r12]
        0xba, 0x08, 0x00, 0x00, 0x00,  //    mov    edx, 8
        0x44, 0x29, 0xe2,  //                sub    edx, r12d
        0x0f, 0x05,  //                      syscall
        0x85, 0xc0,  //                      test   eax, eax
        0x7e, 0x3f,  //                      jle    end
        0x41, 0x01, 0xc4,  //                add    r12d, eax
        0x41, 0x83, 0xfc, 0x08,  //          cmp    r12d, 8
        0x72, 0xe1,  //                      jb     more
        0x8b, 0x04, 0x24,  //                mov    eax, [rsp]
        0x8b, 0x4c, 0x24, 0x04,  //          mov    ecx, [rsp + 4]
        0x0f, 0xa2,  //                      cpuid
        0x89, 0x44, 0x24, 0x08,  //          mov    [rsp + 8], eax
        0x89, 0x5c, 0x24, 0x0c,  //          mov    [rsp + 12], ebx
        0x89, 0x4c, 0x24, 0x10,  //          mov    [rsp + 16], ecx
        0x89, 0x54, 0x24, 0x14,  //          mov    [rsp + 20], edx
        0xb8, 0x01, 0x00, 0x00, 0x00,  //    mov    eax, 1           write
        0x89, 0xc7,  //                      mov    edi, eax         to the standard output
        0x48, 0x8d, 0x74, 0x24, 0x08,  //    lea    rsi, [rsp + 8]
        0xba, 0x10, 0x00, 0x00, 0x00,  //    mov    edx, 16
        0x0f, 0x05,  //                      syscall
        0x83, 0xf8, 0x10,  //                cmp    eax, 16
        0x74, 0xad,  //                      je     next
        0xb8, 0x01, 0x00, 0x00, 0x00,  //    mov    eax, 1
        0x31, 0xff,  //                 end: xor    edi, edi
        0x44, 0x09, 0xe0,  //                or     eax, r12d        an error, or half a question
        0x40, 0x0f, 0x95, 0xc7,  //          setne  dil
        0xb8, 0x3c, 0x00, 0x00, 0x00,  //    mov    eax, 60          exit
        0x0f, 0x05,  //                      syscall
    ]
}
