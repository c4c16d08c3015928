import ApplianceModel
import Testing

@Suite("Values read what a person writes, and nothing else")
struct ValueTests {
    @Test("A name is a host name", arguments: ["a", "orders", "orders-2", "a1-b2-c3", String(repeating: "a", count: 40)])
    func names(text: String) { #expect(ApplianceName(text)?.rawValue == text) }

    @Test(
        "What cannot be a host name is no name",
        arguments: ["", "Orders", "1a", "-a", "a-", "a--b", "a_b", "a.b", "a b", "größe", "a/b", "..", String(repeating: "a", count: 41)])
    func noNames(text: String) { #expect(ApplianceName(text) == nil) }

    @Test("A network has no host bits", arguments: [("10.0.2.0/24", "10.0.2.0/24"), ("10.0.2.2", "10.0.2.2/32"), ("0.0.0.0/0", "0.0.0.0/0")])
    func networks(text: String, description: String) { #expect(IPv4Network(text)?.description == description) }

    @Test(
        "What is not a network is refused",
        arguments: ["", "10.0.2.2/24", "10.0.2/24", "10.0.2.0/33", "10.0.2.0/-1", "10.0.2.0/", "10.0.2.0/024", "10.0.02.0/24", "256.0.0.0/8", "::1/128", "a/8"])
    func noNetworks(text: String) { #expect(IPv4Network(text) == nil) }

    @Test(
        "Loopback is recognised", arguments: [("127.0.0.0/8", true), ("127.0.0.1", true), ("126.0.0.0/7", false), ("0.0.0.0/0", false), ("10.0.0.0/8", false)])
    func loopback(text: String, expected: Bool) { #expect(IPv4Network(text)?.isLoopback == expected) }
}
