internal import ApplianceModel
internal import Basics
internal import FoundationEssentials
internal import Quoting
internal import Reports
internal import SecureShell

/// The guest's clock: whether a time source controls it, and how much it differs from this host's.
enum ClockChecks {
    static let group = CheckGroup(name: .guest, check: "guest.clock") { run, _ in
        let shell = run.target.shell
        var closest: Difference?
        for _ in 0..<3 {
            let before = Date.now.timeIntervalSince1970
            let answer = try await shell.check(timeCommand)
            let difference = Difference(guest: answer.outputText, before: before, after: Date.now.timeIntervalSince1970)
            if let difference, closest.map({ difference.uncertainty < $0.uncertainty }) ?? true { closest = difference }
        }
        let said = try await shell.run(sourceCommand, input: [], timeout: .seconds(60))
        return [judge(closest, TimeSource(said.outputText))]
    }

    static let timeCommand: ShellCommand = "date +%s.%N"
    static let sourceCommand: ShellCommand =
        "chronyc -c -n tracking 2>/dev/null; timedatectl show -p NTPSynchronized 2>/dev/null; cat /sys/class/ptp/*/clock_name 2>/dev/null; true"

    /// The guest's clock minus this host's, in seconds.
    struct Difference: Sendable, Equatable {
        let seconds: Double
        /// The guest read its clock at some time between question and answer.
        let uncertainty: Double

        init(seconds: Double, uncertainty: Double) {
            self.seconds = seconds
            self.uncertainty = uncertainty
        }

        /// Nil if the guest's answer is not a time, or if this host's clock was set meanwhile.
        init?(guest: String, before: Double, after: Double) {
            guard let line = guest.split(at: "\n").first, let time = Double(line), time.isFinite, time > 0, after >= before else { return nil }
            seconds = time - (before + after) / 2
            uncertainty = (after - before) / 2
        }
    }

    /// What controls the guest's clock.
    enum TimeSource: Sendable, Equatable {
        case synchronized(by: String)
        case none
        /// The kernel offers the host's clock, but nothing adjusts the guest's clock to it.
        case unusedHostClock
        /// Neither chrony nor systemd reported anything.
        case unknown

        /// Reads the line of `chronyc -c tracking` (14 fields, the last one the leap status), that of `timedatectl`, and the names of the kernel's clocks.
        init(_ text: String) {
            let lines = text.split(at: "\n")
            let hasHostClock = lines.contains("KVM virtual PTP")
            let tracking = lines.map { $0.split(at: ",", omittingEmptySubsequences: false) }.first { $0.count == 14 }
            if let tracking, let stratum = Int(tracking[2]) {
                let isHeld = tracking[13] != "Not synchronised" && tracking[0] != "00000000" && stratum > 0
                // choose-clock.sh assigns this name.
                let source = tracking[1] == "KVM" ? "its host's clock (ptp_kvm)" : "source \(tracking[1])"
                self = isHeld ? .synchronized(by: "chrony, \(source), stratum \(stratum)") : hasHostClock ? .unusedHostClock : .none
            } else if lines.contains("NTPSynchronized=yes") {
                self = .synchronized(by: "systemd")
            } else {
                self = hasHostClock ? .unusedHostClock : lines.contains("NTPSynchronized=no") ? .none : .unknown
            }
        }
    }

    /// A client notices a difference of a second in its logs; with a minute, certificates and recovery to a point in time go wrong.
    static func judge(_ difference: Difference?, _ source: TimeSource) -> Finding {
        let expected = "a time source, and at most 1 s from this host"
        guard let difference else { return .unsaid("guest.clock", expected: expected) }
        let sure = max(0, abs(difference.seconds) - difference.uncertainty)
        let sign = difference.seconds < 0 ? "behind" : "ahead of"
        let distance = "\(milliseconds(abs(difference.seconds))) ms \(sign) this host, known to \(milliseconds(difference.uncertainty)) ms"
        let held =
            switch source {
            case .synchronized(let by): "held by \(by)"
            case .none: "no time source"
            case .unusedHostClock: "no time source, although the guest sees its host's clock (ptp_kvm)"
            case .unknown: "time source unknown"
            }
        func finding(_ level: Finding.Level, _ remedy: String?) -> Finding {
            Finding(check: "guest.clock", level: level, measured: "\(held); \(distance)", expected: expected, remedy: remedy)
        }
        if sure > 60 { return finding(.fail, "set the clock: 'chronyc makestep' in the guest; look at this host's clock too") }
        if sure > 1 { return finding(.warn, "'chronyc makestep' in the guest; look at this host's clock too") }
        switch source {
        case .synchronized: return finding(.pass, nil)
        case .none: return finding(.warn, "the guest reaches no time server: give /etc/chrony/sources.d one that it reaches, or its clock drifts")
        case .unusedHostClock: return finding(.warn, "systemctl restart chrony in the guest: it looks for the host's clock when it starts")
        case .unknown: return finding(.warn, "neither chronyc nor timedatectl answered in the guest: install chrony")
        }
    }

    private static func milliseconds(_ seconds: Double) -> Int { Int(saturating: (seconds * 1000).rounded(.up)) }
}
