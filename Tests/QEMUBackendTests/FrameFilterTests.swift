import ApplianceModel
import Testing

@testable import QEMUBackend

@Suite("What a guest's packets reach")
struct FrameFilterTests {
    /// Of a host whose only address is 192.168.1.10.
    private let filter = FrameFilter { $0 != IPv4Address(192, 168, 1, 10) }

    private func passes(_ frame: TestFrame) -> Bool { filter.passes(frame.bytes, 0..<frame.bytes.count) }

    @Test(
        "Other hosts are reached by TCP, UDP and ping, this host and what is no host are not",
        arguments: [
            ("192.168.1.11", true), ("8.8.8.8", true), ("10.0.2.99", true), ("126.255.255.255", true), ("128.0.0.1", true), ("169.253.1.1", true),
            ("223.255.255.255", true), ("192.168.1.10", false), ("127.0.0.1", false), ("127.0.0.53", false), ("127.255.255.255", false), ("0.0.0.0", false),
            ("0.1.2.3", false), ("169.254.169.254", false), ("224.0.0.1", false), ("239.1.1.1", false), ("240.0.0.1", false), ("255.255.255.255", false),
        ])
    func destinations(address: String, isReached: Bool) {
        for transport in [TestFrame.tcp, TestFrame.udp, TestFrame.icmp] { #expect(passes(TestFrame(to: address, transport: transport)) == isReached) }
    }

    @Test(
        "The gateway gets answers of TCP only: no connection begins that way",
        arguments: [(0x02, false), (0x12, true), (0x10, true), (0x04, true), (0x18, true), (0xc2, false)])
    func gateway(flags: UInt8, passes: Bool) {
        #expect(self.passes(TestFrame(to: "10.0.2.2", flags: flags)) == passes)
        #expect(!self.passes(TestFrame(to: "10.0.2.2", transport: TestFrame.udp)))
        #expect(!self.passes(TestFrame(to: "10.0.2.2", transport: TestFrame.icmp)))
    }

    @Test("passt's own services are names and addresses, and nothing else of theirs")
    func services() {
        for transport in [TestFrame.tcp, TestFrame.udp] {
            #expect(passes(TestFrame(to: "10.0.2.3", transport: transport, port: 53)))
            #expect(!passes(TestFrame(to: "10.0.2.3", transport: transport, port: 80)))
        }
        for (source, destination) in [("0.0.0.0", "255.255.255.255"), ("10.0.2.15", "10.0.2.2")] {
            #expect(passes(TestFrame(from: source, to: destination, transport: TestFrame.udp, ports: (68, 67))))
        }
        #expect(!passes(TestFrame(from: "0.0.0.0", to: "192.168.1.11", transport: TestFrame.udp, ports: (68, 67))))
        #expect(!passes(TestFrame(from: "192.168.1.11", to: "255.255.255.255", transport: TestFrame.udp, ports: (68, 67))))
    }

    @Test("Whoever pretends to be another is not heard", arguments: ["127.0.0.1", "10.0.2.2", "10.0.2.14", "192.168.1.10", "0.0.0.0"])
    func source(address: String) { #expect(!passes(TestFrame(from: address, to: "8.8.8.8"))) }

    @Test("Neither fragments nor other versions, transports and kinds of frames pass; the resolution of addresses does")
    func kinds() {
        #expect(!passes(TestFrame(to: "8.8.8.8") { $0[20] = 0x20 }))
        #expect(!passes(TestFrame(to: "8.8.8.8") { $0[21] = 1 }))
        #expect(!passes(TestFrame(to: "8.8.8.8") { $0[14] = 0x65 }))
        // A header that is shorter than any, and one that hides the ports of another.
        #expect(!passes(TestFrame(to: "8.8.8.8") { $0[14] = 0x44 }))
        #expect(!passes(TestFrame(to: "10.0.2.3", transport: TestFrame.udp, port: 53) { $0[14] = 0x4f }))
        #expect(!passes(TestFrame(to: "8.8.8.8", transport: 132)))
        // A length beyond the frame, and one within the header.
        #expect(!passes(TestFrame(to: "8.8.8.8") { $0[16] = 0xff }))
        #expect(!passes(TestFrame(to: "8.8.8.8") { $0[17] = 19 }))
        for (high, low, isPassed) in [(0x86, 0xdd, false), (0x81, 0x00, false), (0x08, 0x06, true), (0x00, 0x00, false)] as [(UInt8, UInt8, Bool)] {
            #expect(passes(TestFrame(to: "8.8.8.8") { ($0[12], $0[13]) = (high, low) }) == isPassed)
        }
    }

    @Test("No frame that is cut off passes, and none ends the program")
    func damaged() {
        for transport in [TestFrame.tcp, TestFrame.udp, TestFrame.icmp] {
            let whole = TestFrame(to: "8.8.8.8", transport: transport).bytes
            for length in 0..<whole.count { #expect(!filter.passes(whole, 0..<length)) }
            #expect(!filter.passes(whole, 0..<whole.count + 1))
        }
        var generator = SystemRandomNumberGenerator()
        for _ in 0..<20_000 {
            var bytes = (0..<Int.random(in: 0...90)).map { _ in UInt8.random(in: 0 ... .max, using: &generator) }
            if bytes.count > 14 { (bytes[12], bytes[13], bytes[14]) = (8, 0, 0x40 | bytes[14] & 15) }
            _ = filter.passes(bytes, 0..<bytes.count)
        }
    }

    @Test("What the kernel said is asked again after its time, and forgotten before it is too much")
    func remembered() {
        var now = ContinuousClock.now
        var asked = 0
        var isElsewhere = true
        let routes = RememberedRoutes(clock: { now }) { _ in
            asked += 1
            return isElsewhere
        }
        let address = IPv4Address(192, 168, 1, 10)
        #expect(routes.leadElsewhere(address) && routes.leadElsewhere(address))
        #expect(asked == 1)
        // The host got this address.
        isElsewhere = false
        now += FrameRelay.validity
        #expect(!routes.leadElsewhere(address))
        for value in 0..<UInt32(3 * FrameRelay.mostRoutes) { _ = routes.leadElsewhere(IPv4Address(value: value)) }
        #expect(routes.count <= FrameRelay.mostRoutes)
    }
}

/// A frame as a guest may write it.
struct TestFrame {
    static let (icmp, tcp, udp): (UInt8, UInt8, UInt8) = (1, 6, 17)

    var bytes: [UInt8]

    init(
        from source: String = "10.0.2.15", to destination: String, transport: UInt8 = Self.tcp, port: UInt16 = 443, ports: (UInt16, UInt16)? = nil,
        flags: UInt8 = 0x02, _ change: (inout [UInt8]) -> Void = { _ in }
    ) {
        func octets(_ address: String) -> [UInt8] { address.split(separator: ".").compactMap { UInt8($0) } }
        func octets(_ number: UInt16) -> [UInt8] { [UInt8(number >> 8), UInt8(number & 0xff)] }
        let (from, to) = ports ?? (40_000, port)
        let rest: [UInt8] =
            switch transport {
            case Self.tcp: [UInt8](repeating: 0, count: 8) + [0x50, flags] + [UInt8](repeating: 0, count: 6)
            default: [UInt8](repeating: 0, count: 4)
            }
        let payload = octets(from) + octets(to) + rest
        bytes = [UInt8](repeating: 2, count: 12) + [0x08, 0x00]
        bytes += [0x45, 0] + octets(UInt16(20 + payload.count)) + [0, 0, 0x40, 0, 64, transport, 0, 0] + octets(source) + octets(destination) + payload
        change(&bytes)
    }
}
