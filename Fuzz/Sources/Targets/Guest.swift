internal import ApplianceModel
internal import Glibc
internal import HostSystem
internal import SystemPackage

@testable internal import Deployment
@testable internal import Probes
@testable internal import SecureShell
@testable internal import Verification

/// What a guest answers: each program that `verify` runs in it, the serial console, systemd.
extension FuzzTarget {
    static let guestAnswers = FuzzTarget("guest-answers") { input in
        var input = input
        switch input.choice(of: 9) {
        case 0:
            let report = GuestReport(input.text)
            for key in ["kernel", "a", ""] { require(report.has(key) || report[key].isEmpty, "a key that was not printed has a value") }
        case 1: clock(input)
        case 2: try fio(input)
        case 3: _ = try? IperfReport(input.bytes, reverse: false, duration: 3)
        case 4: _ = try? PgbenchReport(input.text, seconds: 10)
        case 5: _ = FsyncMethodsCheck.finding(input.text)
        case 6: cpuid(input)
        case 7:
            let halves = input.halves
            _ = try? OpenSSLSpeed(
                standardOutput: String(decoding: halves.first, as: UTF8.self) + "\n", standardError: String(decoding: halves.second, as: UTF8.self))
        default:
            let halves = input.halves
            try pooled(halves.first, halves.second)
        }
    }

    private static func clock(_ input: FuzzInput) {
        var input = input
        let before = input.number()
        let after = input.number()
        let guest = input.line()
        let difference = ClockChecks.Difference(guest: guest, before: before, after: after)
        _ = ClockChecks.judge(difference, ClockChecks.TimeSource(input.text))
        // The times of this host are no stranger's: with an ordinary one the guest's alone decides.
        let ordinary = ClockChecks.Difference(guest: guest, before: 1_790_000_000, after: 1_790_000_000.5)
        _ = ClockChecks.judge(ordinary, .none)
    }

    private static func fio(_ input: FuzzInput) throws {
        let output = try FioOutput(input.bytes)
        _ = try? output.syncedWrites()
        for histogram in [output.reads, output.writes, output.syncs].compactMap(\.self) { use(histogram) }
    }

    private static func pooled(_ first: [UInt8], _ second: [UInt8]) throws {
        let rounds = try [FioOutput(first), FioOutput(second)].compactMap(\.writes)
        _ = LatencyHistogram.distribution(rounds)
        if let pooled = LatencyHistogram.pooled(rounds) { use(pooled) }
    }

    private static func use(_ histogram: LatencyHistogram) {
        for percent in LatencyHistogram.shownPercents { _ = histogram.nanoseconds(at: percent) }
        _ = LatencyHistogram.distribution([histogram])
    }

    private static func cpuid(_ input: FuzzInput) {
        let questions = Array(CPUIDQuestion.all.prefix(input.rest.count / 16))
        guard let table = GuestCPUID.decode(Array(input.rest.prefix(questions.count * 16)), questions) else { return }
        require(table.answers.count <= questions.count, "more leaves than questions")
        _ = IdentityCheck.judge(table, host: nil, .kvm)
    }

    static let console = FuzzTarget("console", maxLength: 1024) { input in
        let plain = ConsoleWatch.plain(input.bytes)
        require(!steersTerminal(plain), "a control character of the console is left: \(plain.debugDescription)")
        // It takes a hundred times as long.
        if input.isOne(of: 100) { try ConsoleFile.shared.follow(input) }
    }

    static let remoteUnit = FuzzTarget("remote-unit") { input in
        let text = input.text
        let (state, log) = try RemoteUnit.parse(text)
        require(text.utf8.count >= log.utf8.count, "a log that is longer than what the guest said")
        if case .failed(let why) = state { require(!why.isEmpty, "a failure without a word") }
    }

    static let hostKey = FuzzTarget("host-key", maxLength: 512) { input in
        for key in [HostKey(openSSH: input.text), HostKey(blob: input.bytes)].compactMap(\.self) {
            require(HostKey(openSSH: key.openSSHLine) == key, "a key that is another when it is read back")
            require(key.fingerprint.utf8.count == 50, "a fingerprint of another length: \(key.fingerprint)")
        }
    }
}

/// A log that grows as the fuzzer writes, followed as a deployment follows the serial log.
private struct ConsoleFile {
    static let shared = ConsoleFile()
    private let path: FilePath

    private init() {
        let directory = unsafe getenv("TMPDIR").map { unsafe String(cString: $0) } ?? "/tmp"
        path = FilePath("\(directory)/pgkvm-fuzz-console.\(getpid())")
    }

    /// Each line of `---` is a look; what is told must be fit for a terminal.
    func follow(_ input: FuzzInput) throws {
        let (first, second) = input.halves
        defer { unsafe unlink(path.string) }
        try append([])
        var watch = ConsoleWatch(path: path)
        for part in [first, second] {
            try append(part)
            if let line = try watch.advance() { require(!steersTerminal(line), "a line of the console steers the terminal: \(line.debugDescription)") }
        }
        for line in watch.tail { require(!steersTerminal(line), "the end of the console steers the terminal: \(line.debugDescription)") }
        _ = watch.isBeforeUserSpace
    }

    private func append(_ bytes: [UInt8]) throws {
        let file = try FileDescriptor.open(path, .writeOnly, options: [.create, .append], permissions: .ownerReadWrite)
        try file.closeAfter { _ = try file.writeAll(bytes) }
    }
}
