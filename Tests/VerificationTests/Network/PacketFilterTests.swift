import ApplianceModel
import Basics
import Testing

@testable import Verification

@Suite("The guest's packet filter, as nft shows it")
struct PacketFilterTests {
    private static let wanted = [
        "table inet pgkvm {", "\tchain input {", "\t\ttype filter hook input priority filter; policy drop;", "\t\tct state established,related accept",
        "\t\tct state invalid drop", "\t\tiif \"lo\" accept", "\t\tmeta l4proto { icmp, ipv6-icmp } accept", "\t\ttcp dport 22 accept",
        "\t\tip saddr 10.77.0.1 tcp dport 5432 accept", "\t\tip saddr 10.0.0.0/8 tcp dport 5432 accept", "\t}", "}",
    ]

    private static func finding(inForce: [String] = wanted, atBoot: [String] = wanted, enabled: String = "enabled") -> Finding {
        let lines = ["== enabled", enabled, "== in-force"] + inForce + ["== at-boot"] + atBoot + ["== wanted"] + wanted
        return PacketFilterChecks.judge(PacketFilterReport(lines.joined(separator: "\n") + "\n"), networks: "10.77.0.1, 10.0.0.0/8")
    }

    @Test("Exactly the wanted filter passes, and says whom it lets in")
    func passes() {
        let finding = Self.finding()
        #expect(finding.level == .pass)
        #expect(finding.measured.contains("PostgreSQL from 10.77.0.1, 10.0.0.0/8;"))
        #expect(finding.remedy == nil)
    }

    private static func adding(_ rule: String) -> [String] { Array(wanted.dropLast(2)) + ["\t\t\(rule)"] + wanted.suffix(2) }
    private static func without(_ part: String) -> [String] { wanted.filter { !$0.contains(part) } }

    private static let spoilt = [
        [], adding("tcp dport { 22, 5432 } accept"), adding("tcp dport 5432 accept"), adding("ip6 saddr fd00::/8 tcp dport 5432 accept"), adding("accept"),
        adding("tcp dport 5000-6000 accept"), adding("ip saddr 10.99.0.0/16 tcp dport 5432 accept"), adding("tcp dport vmap { 5432 : accept }"),
        adding("jump others"), adding("ip saddr 10.0.0.0/8 tcp dport 5432 accept"), without("10.77.0.1"), without("l4proto"), without("invalid"),
        wanted.map { $0.replacing("policy drop", with: "policy accept") }, wanted.map { $0.replacing("hook input", with: "hook forward") },
        wanted.map { $0.replacing("10.77.0.1 tcp", with: "10.77.0.0/16 tcp") }, Array(wanted.prefix(1)) + ["\tflags dormant"] + wanted.dropFirst(),
    ]

    @Test("A filter with one line more, less or other fails, in force and at boot", arguments: spoilt)
    func fails(lines: [String]) {
        for (when, finding) in [("in force", Self.finding(inForce: lines)), ("at boot", Self.finding(atBoot: lines))] {
            #expect(finding.level == .fail)
            #expect(finding.measured.hasPrefix("\(when): "))
            #expect(finding.remedy != nil)
        }
    }

    @Test("The line that opens it is named")
    func named() {
        #expect(Self.finding(inForce: Self.adding("tcp dport { 22, 5432 } accept")).measured == "in force: besides, 'tcp dport { 22, 5432 } accept'")
    }

    @Test("A filter that no boot loads fails", arguments: ["disabled", "masked", ""])
    func disabled(answer: String) {
        let finding = Self.finding(enabled: answer)
        #expect(finding.level == .fail)
        #expect(finding.measured.contains("no filter after a boot"))
    }

    @Test("A guest that did not say what is wanted is no pass")
    func unsaid() {
        #expect(PacketFilterChecks.judge(PacketFilterReport(""), networks: "").level == .fail)
        #expect(PacketFilterChecks.judge(PacketFilterReport("== enabled\nenabled\n"), networks: "").level == .fail)
    }
}
