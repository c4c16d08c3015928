import Basics
import Testing

@Suite("A size")
struct ByteSizeTests {
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
}
