internal import ApplianceModel
internal import Basics
internal import HostSystem
internal import MachineBackend
internal import Probes
internal import Reports
internal import SecureShell

/// AES-256-GCM in the guest and on the host, with the processor's instructions and with them masked. So their use is observed, not inferred from a
/// flag.
enum AESSpeedChecks {
    static let group = CheckGroup(name: .cpu, check: "cpu.aes-speed", runs: { $0.depth != .quick }) { run, measurements in
        let target = run.target
        var hostUnknown: String?
        if !target.isProcessOfThisHost {
            hostUnknown = "the guest's host is not this one"
        } else if ProgramRunner.lookUp("openssl") == nil {
            hostUnknown = "openssl is not installed on this host"
        }
        var guest = Speeds()
        var host = Speeds()
        let rounds = run.options.rounds(standard: 2, full: 5)
        for round in 1...rounds {
            run.progress("cpu: AES-256-GCM, round \(round) of \(rounds), about \((rounds - round + 1) * 5) s")
            for isMasked in [false, true] {
                try await guest.take(isMasked: isMasked) { try await inGuest(target.shell, isMasked: isMasked, &measurements) }
                guard hostUnknown == nil else { continue }
                try await host.take(isMasked: isMasked) { try await onHost(isMasked: isMasked, &measurements) }
            }
        }
        if hostUnknown == nil, !host.isComplete { hostUnknown = "too busy to measure" }
        measurements.metrics += metrics("guest", guest) + (hostUnknown == nil ? metrics("host", host) : [])
        return [judge(guest, host: hostUnknown == nil ? host : nil, hostUnknown: hostUnknown, target.accelerator)]
    }

    /// The best of all rounds, in bytes per second: any disturbance makes a round slower.
    struct Speeds: Sendable, Equatable {
        var plain = 0.0
        var masked = 0.0
        var ratio: Double { masked > 0 ? plain / masked : 0 }

        /// Whether there is a figure for both. There is none if the machine was too busy in every round.
        var isComplete: Bool { plain > 0 && masked > 0 }

        mutating func take(_ speed: OpenSSLSpeed, isMasked: Bool) {
            if isMasked { masked = max(masked, speed.bytesPerSecond) } else { plain = max(plain, speed.bytesPerSecond) }
        }

        /// Adds a measurement; a round in which the machine was too busy does not count.
        mutating func take(isMasked: Bool, _ measure: () async throws -> OpenSSLSpeed) async throws {
            do {
                take(try await measure(), isMasked: isMasked)
            } catch let unreadable as OpenSSLSpeed.Unreadable where unreadable.isBusy {}
        }
    }

    static let plainCommand: ShellCommand = "env -u OPENSSL_ia32cap nice -n 19 openssl \(list: OpenSSLSpeed.arguments)"
    static let maskedCommand: ShellCommand = "env OPENSSL_ia32cap=\(OpenSSLSpeed.mask) nice -n 19 openssl \(list: OpenSSLSpeed.arguments)"

    private static func inGuest(_ shell: any RemoteShell, isMasked: Bool, _ measurements: inout Measurements) async throws -> OpenSSLSpeed {
        let result = try await shell.check(isMasked ? maskedCommand : plainCommand, timeout: .seconds(60))
        measurements.outputs["openssl speed, guest\(isMasked ? ", masked" : "")"] = result.outputText
        return try OpenSSLSpeed(standardOutput: result.outputText, standardError: result.errorText)
    }

    private static func onHost(isMasked: Bool, _ measurements: inout Measurements) async throws -> OpenSSLSpeed {
        let environment = isMasked ? ["OPENSSL_ia32cap=\(OpenSSLSpeed.mask)"] : ["-u", "OPENSSL_ia32cap"]
        let result = try await ProgramRunner.check("env", environment + ["nice", "-n", "19", "openssl"] + OpenSSLSpeed.arguments)
        measurements.outputs["openssl speed, host\(isMasked ? ", masked" : "")"] = result.outputText
        return try OpenSSLSpeed(standardOutput: result.outputText, standardError: result.errorText)
    }

    static func metrics(_ side: String, _ speeds: Speeds) -> [Metric] {
        guard speeds.isComplete else { return [] }
        return [
            Metric("cpu.aes-speed.\(side)", speeds.plain, .bytesPerSecond, better: .higher),
            Metric("cpu.aes-speed.\(side)-masked", speeds.masked, .bytesPerSecond, better: .higher),
            Metric("cpu.aes-speed.\(side)-gain", speeds.ratio, .ratio, better: .higher),
        ]
    }

    /// The least gain that the instructions must show. Without them the ratio is 1, and no noise of a busy machine triples the best of several
    /// rounds.
    static let leastGain = 3.0

    static func judge(_ guest: Speeds, host: Speeds?, hostUnknown: String?, _ accelerator: Accelerator) -> Finding {
        guard guest.isComplete else {
            return Finding(
                check: "cpu.aes-speed", level: .skip, measured: "the guest was too busy in every round",
                expected: "at least a fifth of a second of processor time in one of them", remedy: "verify again when there is less work")
        }
        let inHost = host.map { "host \(text($0))" } ?? "host unknown: \(hostUnknown ?? "not measured")"
        let measured = "guest \(text(guest)); \(inHost)"
        let expected = "at least \(Int(saturating: leastGain)) times the speed that it has with the instructions masked"
        if accelerator == .tcg {
            return Finding(
                check: "cpu.aes-speed", level: .skip, measured: measured, expected: expected,
                remedy: "emulated by TCG: these are the speeds of QEMU's AES, not of the processor's")
        }
        guard guest.ratio >= leastGain else {
            return Finding(
                check: "cpu.aes-speed", level: .fail, measured: measured, expected: expected,
                remedy: "OpenSSL in the guest makes no use of AES-NI: see cpu.aes and cpu.features")
        }
        if let host, guest.plain * 2 < host.plain {
            return Finding(
                check: "cpu.aes-speed", level: .warn, measured: measured, expected: "at least half of the host's speed",
                remedy: "the guest gets too little of its processors, or its OpenSSL is much older than the host's: look at process.priority")
        }
        return Finding(check: "cpu.aes-speed", level: .pass, measured: measured, expected: expected)
    }

    private static func text(_ speeds: Speeds) -> String {
        "\(megabytes(speeds.plain)), masked \(megabytes(speeds.masked)) (\(tenths(speeds.ratio)) times)"
    }

    private static func megabytes(_ bytesPerSecond: Double) -> String { "\(Int(saturating: (bytesPerSecond / 1e6).rounded())) MB/s" }
    private static func tenths(_ value: Double) -> String { "\((value * 10).rounded() / 10)" }
}
