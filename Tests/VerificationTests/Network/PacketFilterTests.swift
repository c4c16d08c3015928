import ApplianceModel
import Testing

@testable import Verification

@Suite("The guest's packet filter, as nft shows it")
struct PacketFilterTests {
    private static func ruleset(policy: String = "drop", _ rules: [String]) -> String {
        """
        table inet pgkvm {
        \tchain input {
        \t\ttype filter hook input priority filter; policy \(policy);
        \t\tct state established,related accept
        \t\ttcp dport 22 accept
        \(rules.map { "\t\t\($0)" }.joined(separator: "\n"))
        \t}
        }
        """
    }

    private static let wanted: Set = ["10.77.0.1", "10.0.0.0/8"]
    private static let good = ["ip saddr 10.77.0.1 tcp dport 5432 accept", "ip saddr 10.0.0.0/8 tcp dport 5432 accept"]

    @Test("Exactly the named networks pass")
    func passes() { #expect(PacketFilterChecks.judge(Self.ruleset(Self.good), wanted: Self.wanted).level == .pass) }

    @Test(
        "No filter, one that lets in what it does not name, one network more or less, and an open port fail",
        arguments: [
            "", ruleset(policy: "accept", good), ruleset(good + ["ip saddr 10.99.0.0/16 tcp dport 5432 accept"]), ruleset([good[0]]),
            ruleset(good + ["tcp dport 5432 accept"]),
        ])
    func fails(ruleset: String) {
        let finding = PacketFilterChecks.judge(ruleset, wanted: Self.wanted)
        #expect(finding.level == .fail)
        #expect(finding.remedy != nil)
    }
}
