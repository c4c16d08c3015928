import ApplianceModel
import Testing

@Suite("Values read what a person writes, and nothing else")
struct ValueTests {
    @Test(
        "A size is a whole number with a unit",
        arguments: [
            ("512MiB", 512 << 20), ("4GiB", 4 << 30), ("20GB", 20_000_000_000), ("1TiB", 1 << 40), ("4g", 4 << 30), ("10 GiB", 10 << 30),
            ("4096", 4096), ("0", 0), ("7B", 7),
        ] as [(String, Int64)])
    func sizes(text: String, bytes: Int64) { #expect(ByteSize(text)?.bytes == bytes) }

    @Test(
        "What is not a size is refused",
        arguments: ["", "GiB", "-1GiB", "+1GiB", "1.5GiB", "4Gib/s", "1e3", "9223372036854775807KiB", "9223372036854775808", "٣GiB", "4 4GiB"])
    func noSizes(text: String) { #expect(ByteSize(text) == nil) }

    @Test("A size comes back from its description", arguments: [0, 1, 1023, 1024, 1 << 20, 3 << 30, (5 << 40) + 512, Int64.max] as [Int64])
    func sizeRoundTrip(bytes: Int64) { #expect(ByteSize(ByteSize(bytes: bytes).description)?.bytes == bytes) }

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

    @Test("A secret prints nowhere")
    func secret() {
        let secret = Secret("hunter2")
        var dumped = ""
        dump(["key": secret], to: &dumped)
        #expect(!"\(secret) \(String(reflecting: secret)) \([secret]) \(dumped)".contains("hunter2"))
        #expect(secret.withRevealed { $0 } == "hunter2")
    }

    @Test("A newer format is refused, an older or equal one is read")
    func formats() throws {
        try FormatVersion.check(1, supported: 2, file: "f")
        try FormatVersion.check(2, supported: 2, file: "f")
        #expect { try FormatVersion.check(3, supported: 2, file: "f") } throws: { ($0 as? Failure)?.code == .newerFormat }
        #expect { try FormatVersion.check(0, supported: 2, file: "f") } throws: { ($0 as? Failure)?.code == .invalidInput }
    }

    @Test("A slip of the finger is recognised, another word is not")
    func suggestions() {
        #expect(Suggestion.nearest(to: "memmory", among: ["memory", "vcpus"]) == "memory")
        #expect(Suggestion.nearest(to: "VCPUS", among: ["memory", "vcpus"]) == "vcpus")
        #expect(Suggestion.nearest(to: "sise", among: ["size", "layout"]) == "size")
        #expect(Suggestion.nearest(to: "mdoe", among: ["mode", "address"]) == "mode")
        #expect(Suggestion.nearest(to: "colour", among: ["size", "layout"]) == nil)
        #expect(Suggestion.nearest(to: "", among: ["size"]) == nil)
        #expect(Suggestion.nearest(to: "a", among: []) == nil)
        #expect(Suggestion.nearest(to: "abc", among: [""]) == nil)
    }
}
