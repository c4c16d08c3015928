import ApplianceModel
import Basics
import Testing

@testable import Verification

@Suite("The guest's clock")
struct ClockChecksTests {
    typealias Difference = ClockChecks.Difference
    typealias TimeSource = ClockChecks.TimeSource

    /// `chronyc -c -n tracking` of a guest that reaches no server, and the same with one.
    static let unheld = "00000000,,0,0.000000000,0.000000000,0.000000000,0.000000000,0.000,0.000,0.000,1.000000000,1.000000000,0.0,Not synchronised"
    static let held =
        "C0000205,192.0.2.5,2,1763852730.123456789,0.000012345,-0.000004321,0.000022000,-3.512,0.001,0.020,0.012345678,0.000543210,64.5,Normal"

    /// The same by the refclock of `choose-clock.sh`.
    static let hostClock =
        "4B564D00,KVM,3,1763852730.123456789,0.000000012,-0.000000004,0.000000022,-3.512,0.000,0.020,0.000000010,0.000010000,8.0,Normal"

    @Test("The difference is taken to the middle of question and answer, and is uncertain by half of the time between")
    func difference() throws {
        let difference = try #require(Difference(guest: "1763852730.500000000\n", before: 1_763_852_730, after: 1_763_852_730.5))
        #expect(difference == Difference(seconds: 0.25, uncertainty: 0.25))
        for (text, before, after) in [("", 1.0, 2.0), ("date: error", 1, 2), ("nan", 1, 2), ("-5", 1, 2), ("1763852730.5", 2, 1)] {
            #expect(Difference(guest: text, before: before, after: after) == nil, "\(text)")
        }
    }

    @Test("A time beyond any clock is a failure of the check, not of the program", arguments: ["1e300", "9e18", "1.7976931348623157e308"])
    func beyondAnyClock(text: String) throws {
        let difference = try #require(Difference(guest: text + "\n", before: 1_763_852_730, after: 1_763_852_731))
        #expect(ClockChecks.judge(difference, .synchronized(by: "systemd")).level == .fail)
    }

    @Test("chrony is believed before systemd, and a line that broke off is no answer")
    func source() {
        #expect(TimeSource(Self.hostClock + "\nNTPSynchronized=yes\nKVM virtual PTP\n") == .synchronized(by: "chrony, its host's clock (ptp_kvm), stratum 3"))
        #expect(TimeSource(Self.unheld + "\nNTPSynchronized=no\nKVM virtual PTP\n") == .unusedHostClock)
        #expect(TimeSource("506 Cannot talk to daemon\nNTPSynchronized=no\nKVM virtual PTP\n") == .unusedHostClock)
        // The clock of a network card.
        #expect(TimeSource(Self.unheld + "\nNTPSynchronized=no\nigb ptp\n") == .none)
        #expect(TimeSource(Self.held + "\nKVM virtual PTP\n") == .synchronized(by: "chrony, source 192.0.2.5, stratum 2"))
        #expect(TimeSource(Self.held + "\nNTPSynchronized=no\n") == .synchronized(by: "chrony, source 192.0.2.5, stratum 2"))
        #expect(TimeSource(Self.unheld + "\nNTPSynchronized=yes\n") == .none)
        #expect(TimeSource(Self.held.replacing("Normal", with: "Not synchronised")) == .none)
        #expect(TimeSource("NTPSynchronized=yes\n") == .synchronized(by: "systemd"))
        #expect(TimeSource("506 Cannot talk to daemon\nNTPSynchronized=no\n") == .none)
        #expect(TimeSource("506 Cannot talk to daemon\n") == .unknown)
        #expect(TimeSource("") == .unknown)
        #expect(TimeSource(String(Self.held.prefix(100))) == .unknown)
    }

    @Test(
        "Beyond what is uncertain, a second is a warning and a minute a failure, either way",
        arguments: [
            (0.9, 0.0, .pass), (-0.9, 0, .pass), (1.1, 0, .warn), (-1.1, 0, .warn), (1.1, 0.2, .pass), (60.5, 0, .fail), (-61, 0, .fail),
            (61, 2, .warn), (-86_400, 1, .fail),
        ] as [(Double, Double, Finding.Level)])
    func distance(seconds: Double, uncertainty: Double, level: Finding.Level) {
        let finding = ClockChecks.judge(Difference(seconds: seconds, uncertainty: uncertainty), .synchronized(by: "chrony"))
        #expect(finding.level == level)
        #expect(finding.measured.contains(seconds < 0 ? "behind" : "ahead"))
        #expect((finding.remedy == nil) == (level == .pass))
    }

    @Test("A clock that nothing holds is a warning, even when it is right; one that could not be read fails")
    func unheldClock() {
        let right = Difference(seconds: 0.001, uncertainty: 0.01)
        #expect(ClockChecks.judge(right, .none).level == .warn)
        #expect(ClockChecks.judge(right, .none).measured == "no time source; 1 ms ahead of this host, known to 10 ms")
        #expect(ClockChecks.judge(right, .unknown).level == .warn)
        #expect(ClockChecks.judge(right, .unusedHostClock).level == .warn)
        #expect(ClockChecks.judge(right, .unusedHostClock).remedy?.contains("systemctl restart chrony") == true)
        #expect(ClockChecks.judge(nil, .synchronized(by: "chrony")).level == .fail)
    }
}
