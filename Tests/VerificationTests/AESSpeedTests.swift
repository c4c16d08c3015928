import ApplianceModel
import Basics
import HostSystem
import Reports
import SecureShell
import TestSupport
import Testing

@testable import Probes
@testable import Verification

@Suite("The speed of AES")
struct AESSpeedTests {
    struct Recorded: Sendable {
        let output: String
        let error: String
        let speed: Double
    }

    /// OpenSSL 3.0 on a host with AES-NI, with it masked, and OpenSSL 3.5 in an emulated guest.
    static let recorded = [
        Recorded(
            output: "+H:16384\n+F:25:AES-256-GCM:3053100476.77\n", error: "+DT:AES-256-GCM:1:16384\n+R:184483:AES-256-GCM:0.990000\n",
            speed: 3_053_100_476.77),
        Recorded(
            output: "+H:16384\n+F:25:AES-256-GCM:246366208.00\n", error: "+DT:AES-256-GCM:1:16384\n+R:15037:AES-256-GCM:1.000000\n",
            speed: 246_366_208),
        Recorded(
            output: "+H:16384\n+F:25:AES-256-GCM:104857600.00\n", error: "+DT:AES-256-GCM:1:16384\n+R:6336:AES-256-GCM:0.990000\n",
            speed: 104_857_600),
    ]

    @Test("Recorded output is read to the byte", arguments: recorded.indices)
    func read(index: Int) throws {
        let output = Self.recorded[index]
        #expect(try OpenSSLSpeed(standardOutput: output.output, standardError: output.error).bytesPerSecond == output.speed)
    }

    @Test("Output that broke off anywhere is not believed", arguments: recorded.indices)
    func truncated(index: Int) {
        let output = Self.recorded[index]
        for count in 0..<output.output.count {
            #expect(throws: OpenSSLSpeed.Unreadable.self, "\(count)") {
                try OpenSSLSpeed(standardOutput: String(output.output.prefix(count)), standardError: output.error)
            }
        }
        for count in 0..<output.error.count {
            #expect(throws: OpenSSLSpeed.Unreadable.self, "\(count)") {
                try OpenSSLSpeed(standardOutput: output.output, standardError: String(output.error.prefix(count)))
            }
        }
    }

    @Test(
        "Damaged output, and that of something else, is not believed",
        arguments: [
            ("+F:25:AES-256-GCM:3053100476.77\n", "+R:184483:AES-256-GCM:0.990000\n", "blocks of 16384"),
            ("+H:16:64:256\n+F:25:AES-256-GCM:1:2:3\n", "+R:184483:AES-256-GCM:0.990000\n", "blocks of 16384"),
            ("+H:16384\n+F:25:AES-128-GCM:3053100476.77\n", "+R:184483:AES-256-GCM:0.990000\n", "no speed"),
            ("+H:16384\n+F:25:AES-256-GCM:nan\n", "+R:184483:AES-256-GCM:0.990000\n", "no speed"),
            ("+H:16384\n+F:25:AES-256-GCM:0.00\n", "+R:0:AES-256-GCM:0.990000\n", "no speed"),
            ("+H:16384\n+F:25:AES-256-GCM:3053100476.77\n+F:25:AES-256-GCM:3053100476.77\n", "+R:184483:AES-256-GCM:0.990000\n", "no speed"),
            ("+H:16384\n+F:25:AES-256-GCM:3053100476.77\n", "+DT:AES-256-GCM:1:16384\n", "no count"),
            ("+H:16384\n+F:25:AES-256-GCM:3953100476.77\n", "+R:184483:AES-256-GCM:0.990000\n", "does not follow"),
            ("+H:16384\n+F:25:AES-256-GCM:3053100476.77\n", "+R:18448:AES-256-GCM:0.990000\n", "does not follow"),
            ("+H:16384\n+F:25:AES-256-GCM:3276800000.00\n", "+R:20000:AES-256-GCM:0.100000\n", "only 0.1 s"),
            ("+H:16384\n+F:25:AES-256-GCM:inf\n", "+R:36:AES-256-GCM:0.000000\n", "only 0.0 s"),
            ("+H:16384\n+F:25:AES-256-GCM:-nan\n", "+R:0:AES-256-GCM:0.000000\n", "only 0.0 s"),
        ])
    func damaged(output: String, error: String, says: String) {
        #expect {
            try OpenSSLSpeed(standardOutput: output, standardError: error)
        } throws: {
            "\($0)".contains(says)
        }
    }

    private func judge(
        guest: (Double, Double), host: (Double, Double)? = (3.05e9, 2.46e8), accelerator: Accelerator = .kvm
    ) -> Finding {
        AESSpeedChecks.judge(
            AESSpeedChecks.Speeds(plain: guest.0, masked: guest.1), host: host.map { AESSpeedChecks.Speeds(plain: $0.0, masked: $0.1) },
            hostUnknown: host == nil ? "openssl is not installed on this host" : nil, accelerator)
    }

    @Test("AES-NI at work passes, with all four speeds")
    func well() {
        let finding = judge(guest: (3.0e9, 2.4e8))
        #expect(finding.level == .pass)
        #expect(finding.measured == "guest 3000 MB/s, masked 240 MB/s (12.5 times); host 3050 MB/s, masked 246 MB/s (12.4 times)")
        #expect(finding.remedy == nil)
    }

    @Test("A guest whose OpenSSL gains nothing by the instructions fails, also on a fast host", arguments: [1.0, 1.2, 2.9])
    func masked(gain: Double) {
        #expect(judge(guest: (2.4e8 * gain, 2.4e8)).level == .fail)
        #expect(judge(guest: (2.4e8 * gain, 2.4e8), host: nil).level == .fail)
    }

    @Test("A guest that was too busy in every round is no pass; one such round among others does not count")
    func busy() async throws {
        #expect(judge(guest: (0, 0)).level == .skip)
        #expect(judge(guest: (3.0e9, 0)).level == .skip)
        #expect(AESSpeedChecks.metrics("guest", AESSpeedChecks.Speeds(plain: 3.0e9)).isEmpty)
        var speeds = AESSpeedChecks.Speeds()
        try await speeds.take(isMasked: false) { throw OpenSSLSpeed.Unreadable(description: "busy", isBusy: true) }
        #expect(speeds == AESSpeedChecks.Speeds())
        await #expect(throws: OpenSSLSpeed.Unreadable.self) {
            try await speeds.take(isMasked: false) { throw OpenSSLSpeed.Unreadable(description: "damaged") }
        }
    }

    @Test("A guest that gets less than half of the host's speed is a warning; without the host's speed that is said")
    func slow() {
        #expect(judge(guest: (1.5e9, 2.4e8)).level == .warn)
        let alone = judge(guest: (1.5e9, 2.4e8), host: nil)
        #expect(alone.level == .pass)
        #expect(alone.measured.contains("host unknown: openssl is not installed"))
    }

    @Test("Speeds of an emulated processor are no pass, whatever they are")
    func emulated() {
        let finding = judge(guest: (3.0e9, 2.4e8), accelerator: .tcg)
        #expect(finding.level == .skip)
        #expect(finding.remedy?.contains("emulated by TCG") == true)
    }

    @Test("The best of the rounds counts, and every figure lies below its check")
    func figures() throws {
        var speeds = AESSpeedChecks.Speeds()
        for output in Self.recorded {
            speeds.take(try OpenSSLSpeed(standardOutput: output.output, standardError: output.error), isMasked: false)
        }
        #expect(speeds.plain == Self.recorded[0].speed)
        #expect(speeds.ratio == 0)
        speeds.masked = Self.recorded[1].speed
        let metrics = AESSpeedChecks.metrics("guest", speeds)
        #expect(metrics.map(\.id) == ["cpu.aes-speed.guest", "cpu.aes-speed.guest-masked", "cpu.aes-speed.guest-gain"])
        #expect(metrics.allSatisfy { $0.better == .higher })
    }

    /// This host's openssl in the guest's place.
    @Test("With this host's OpenSSL: AES-NI at work passes, and masked in both runs it fails", .fullRun, .enabled(if: HostCPU.current().hasAES, "needs AES-NI"))
    func control() async throws {
        var atWork = AESSpeedChecks.Speeds()
        atWork.plain = try await measure(AESSpeedChecks.plainCommand)
        atWork.masked = try await measure(AESSpeedChecks.maskedCommand)
        #expect(AESSpeedChecks.judge(atWork, host: atWork, hostUnknown: nil, .kvm).level == .pass)
        var hidden = atWork
        hidden.plain = try await measure(AESSpeedChecks.maskedCommand)
        #expect(AESSpeedChecks.judge(hidden, host: atWork, hostUnknown: nil, .kvm).level == .fail)
    }

    /// Bytes per second. A machine that is busy with other tests may give openssl no time at all: then it is asked again.
    private func measure(_ command: ShellCommand) async throws -> Double {
        var speeds = AESSpeedChecks.Speeds()
        for _ in 1...60 where speeds.plain == 0 {
            try await speeds.take(isMasked: false) {
                let result = try await LocalShell().check(command)
                return try OpenSSLSpeed(standardOutput: result.outputText, standardError: result.errorText)
            }
        }
        return speeds.plain
    }

    @Test("It is no part of a quick verification")
    func quick() {
        #expect(!AESSpeedChecks.group.runs(VerificationOptions(depth: .quick)))
        #expect(AESSpeedChecks.group.runs(VerificationOptions(depth: .standard)))
    }
}
