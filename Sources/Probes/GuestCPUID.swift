package import HostSystem
package import SecureShell

/// CPUID as executed by the guest.
package enum GuestCPUID {
    /// Asks the kernel's module, which executes the instruction on processor 0. If the guest has no such module, a small program is sent to the
    /// guest, run, and removed.
    /// - Returns: nil if neither way gives an answer.
    /// - Throws: if the guest cannot be reached.
    package static func read(_ shell: any RemoteShell, _ questions: [CPUIDQuestion] = CPUIDQuestion.all) async throws -> CPUIDTable? {
        let module = try await shell.run(moduleCommand, input: encode(questions), timeout: .seconds(60))
        if module.status == 0, let table = decode(module.standardOutput, questions) { return table }
        return try await runProgram(shell, questions)
    }

    /// The questions in the form that both ways accept.
    static func encode(_ questions: [CPUIDQuestion]) -> [UInt8] {
        questions.flatMap { [$0.leaf, $0.subleaf] }.flatMap(littleEndian)
    }

    /// 16 bytes for each question; nil for any other number of bytes.
    static func decode(_ bytes: [UInt8], _ questions: [CPUIDQuestion]) -> CPUIDTable? {
        guard bytes.count == questions.count * 16 else { return nil }
        func word(_ index: Int) -> UInt32 { (0..<4).reduce(0) { $0 | UInt32(bytes[index * 4 + $1]) << (8 * UInt32($1)) } }
        let answers = questions.indices.map { index in
            (questions[index], CPUIDRegisters(eax: word(index * 4), ebx: word(index * 4 + 1), ecx: word(index * 4 + 2), edx: word(index * 4 + 3)))
        }
        return CPUIDTable(executed: Dictionary(answers) { first, _ in first })
    }

    private static func littleEndian(_ word: UInt32) -> [UInt8] { (0..<4).map { UInt8(truncatingIfNeeded: word >> ($0 * 8)) } }

    /// The file's offset is the leaf, with the sub-leaf above it; a read of 16 bytes executes the instruction.
    static let moduleCommand: ShellCommand = {
        let perl = """
            open(my $file, "<:raw", "/dev/cpu/0/cpuid") or exit 3; binmode STDIN; binmode STDOUT; \
            while (read(STDIN, my $question, 8) == 8) { my ($leaf, $subleaf) = unpack("VV", $question); \
            sysseek($file, $leaf + $subleaf * 4294967296, 0) or exit 4; sysread($file, my $answer, 16) == 16 or exit 5; print $answer }
            """
        let script = "modprobe cpuid 2>/dev/null; exec perl -e '\(perl)'"
        return "sudo -n sh -c \(script)"
    }()

    /// In memory, on a file system that may run programs, and only for this user.
    static let directory = "/dev/shm/pgkvm-cpuid"
    static let prepareCommand: ShellCommand = "rm -rf /dev/shm/pgkvm-cpuid && mkdir -m 700 /dev/shm/pgkvm-cpuid"
    /// Removes itself, even if the connection breaks.
    static let programCommand: ShellCommand =
        "trap 'rm -rf /dev/shm/pgkvm-cpuid' EXIT HUP INT TERM; /dev/shm/pgkvm-cpuid/cpuid"
    static let removeCommand: ShellCommand = "rm -rf /dev/shm/pgkvm-cpuid"

    static func runProgram(_ shell: any RemoteShell, _ questions: [CPUIDQuestion]) async throws -> CPUIDTable? {
        guard try await shell.run(prepareCommand, input: [], timeout: .seconds(30)).status == 0 else { return nil }
        do {
            try await shell.upload(CPUIDProgram.bytes, to: "\(directory)/cpuid", mode: 0o700)
            let result = try await shell.run(programCommand, input: encode(questions), timeout: .seconds(30))
            return result.status == 0 ? decode(result.standardOutput, questions) : nil
        } catch {
            // The connection may be broken too. The next run then removes the rest, or it disappears with the guest's memory.
            _ = try? await withoutCancellation { try await shell.run(removeCommand, input: [], timeout: .seconds(10)) }
            throw error
        }
    }
}
