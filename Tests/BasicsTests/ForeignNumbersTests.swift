import Basics
import Testing

@Suite("Numbers that others wrote")
struct ForeignNumbersTests {
    @Test(
        "A fraction becomes a whole number, the nearest that there is",
        arguments: [
            (1.9, 1), (-1.9, -1), (0.5, 0), (1e300, .max), (-1e300, .min), (.infinity, .max), (-.infinity, .min), (.nan, 0), (9_223_372_036_854_775_808, .max),
            (-9_223_372_036_854_775_808, .min),
        ] as [(Double, Int)])
    func conversions(value: Double, expected: Int) { #expect(Int(saturating: value) == expected) }

    @Test("What has no sign ends at nothing")
    func unsigned() {
        #expect(UInt64(saturating: -1.0) == 0)
        #expect(UInt64(saturating: 1e30) == .max)
        #expect(UInt8(saturating: 256.0) == .max)
        #expect(Int32(saturating: 3e9) == .max)
    }

    @Test("Arithmetic stays at the bound that it would pass, and is exact before")
    func arithmetic() {
        let most = Int.max
        let least = Int.min
        #expect(most.addingSaturated(1) == most)
        #expect(least.addingSaturated(-1) == least)
        #expect(most.addingSaturated(least) == -1)
        #expect(least.subtractingSaturated(1) == least)
        #expect(1000.subtractingSaturated(least) == most)
        #expect(UInt64(3).subtractingSaturated(5) == 0)
        #expect(most.multipliedSaturated(by: 2) == most)
        #expect(most.multipliedSaturated(by: -2) == least)
        #expect(least.multipliedSaturated(by: -1) == most)
        #expect(6.multipliedSaturated(by: -7) == -42)
        #expect([most, most, -5].sumSaturated() == most - 5)
        #expect([Int]().sumSaturated() == 0)
    }

    @Test("A size that a server tells stays a size")
    func sizes() {
        #expect(ByteSize.kibibytes(.max).bytes == .max)
        #expect(ByteSize.mebibytes(.min).bytes == .min)
        #expect(ByteSize.gibibytes(3).bytes == 3 << 30)
        #expect((ByteSize(bytes: 5) - ByteSize(bytes: .min)).bytes == .max)
        #expect((ByteSize(bytes: .max) + ByteSize(bytes: .max)).bytes == .max)
    }
}
