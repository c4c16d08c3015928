internal import ApplianceModel

/// Decides which of the guest's packets reach passt: those that leave this host, and those that passt itself answers.
///
/// passt connects from this host to any address that the guest names. Without its `--no-map-gw` 10.0.2.2 is the host, but a guest may also
/// write 127.0.0.1, 0.0.0.0 or the host's own address into a packet, and older versions of passt connect to it. The filter drops such packets.
struct FrameFilter {
    private static let everybody = IPv4Address(255, 255, 255, 255)
    private static let nobody = IPv4Address(0, 0, 0, 0)

    /// Whether packets to an address leave this host.
    let leadsElsewhere: (IPv4Address) -> Bool

    /// - Parameters:
    ///   - bytes: untrusted bytes from the guest.
    ///   - frame: the Ethernet frame among them.
    func passes(_ bytes: [UInt8], _ frame: Range<Int>) -> Bool {
        guard frame.lowerBound >= 0, frame.upperBound <= bytes.count, let packet = Packet(bytes, frame) else { return false }
        switch packet {
        case .addressResolution: return true
        case .internet(let packet): return passes(packet)
        }
    }

    private func passes(_ packet: InternetPacket) -> Bool {
        // A guest without an address asks for one.
        if packet.isAddressRequest {
            return [Self.nobody, UserNetworking.guest].contains(packet.source) && [Self.everybody, UserNetworking.gateway].contains(packet.destination)
        }
        guard packet.source == UserNetworking.guest else { return false }
        switch packet.destination {
        // Answers to a client that connected to the guest; no connection begins with such a packet.
        case UserNetworking.gateway: return packet.isTCP && !packet.opensConnection
        case UserNetworking.nameServer: return packet.hasPorts && packet.destinationPort == 53
        case let other: return Self.canBeElsewhere(other) && leadsElsewhere(other)
        }
    }

    /// False for this network, loopback, link-local (clouds serve their machine's credentials there), multicast and reserved addresses.
    static func canBeElsewhere(_ address: IPv4Address) -> Bool {
        let (first, second) = (address.value >> 24, address.value >> 16 & 0xff)
        return first != 0 && first != 127 && first < 224 && !(first == 169 && second == 254)
    }
}

/// The content of a guest's Ethernet frame, as far as passt can use it.
private enum Packet {
    case addressResolution
    case internet(InternetPacket)

    /// Nil for anything else, and for a truncated frame.
    init?(_ bytes: [UInt8], _ frame: Range<Int>) {
        guard frame.count >= 14 else { return nil }
        switch (bytes[frame.lowerBound + 12], bytes[frame.lowerBound + 13]) {
        case (0x08, 0x06): self = .addressResolution
        case (0x08, 0x00):
            guard let packet = InternetPacket(bytes, frame.lowerBound + 14..<frame.upperBound) else { return nil }
            self = .internet(packet)
        default: return nil
        }
    }
}

/// The parts of an IPv4 packet that the filter checks.
private struct InternetPacket {
    let source: IPv4Address
    let destination: IPv4Address
    let transport: UInt8
    let sourcePort: UInt16
    let destinationPort: UInt16
    /// The TCP flags.
    let flags: UInt8

    private static let (icmp, tcp, udp): (UInt8, UInt8, UInt8) = (1, 6, 17)

    /// Also nil for fragments, which do not have ports.
    init?(_ bytes: [UInt8], _ range: Range<Int>) {
        let start = range.lowerBound
        guard range.count >= 20 else { return nil }
        func number(_ offset: Int) -> UInt16 { UInt16(bytes[start + offset]) << 8 | UInt16(bytes[start + offset + 1]) }
        let header = Int(bytes[start] & 0x0f) * 4
        let length = Int(number(2))
        guard bytes[start] >> 4 == 4, header >= 20, length >= header, length <= range.count, number(6) & 0x3fff == 0 else { return nil }
        transport = bytes[start + 9]
        source = IPv4Address(value: UInt32(number(12)) << 16 | UInt32(number(14)))
        destination = IPv4Address(value: UInt32(number(16)) << 16 | UInt32(number(18)))
        let least: [UInt8: Int] = [Self.icmp: 8, Self.tcp: 20, Self.udp: 8]
        guard let least = least[transport], length >= header + least else { return nil }
        let hasPorts = transport != Self.icmp
        sourcePort = hasPorts ? number(header) : 0
        destinationPort = hasPorts ? number(header + 2) : 0
        flags = transport == Self.tcp ? bytes[start + header + 13] : 0
    }

    var hasPorts: Bool { transport != Self.icmp }
    var isTCP: Bool { transport == Self.tcp }
    /// SYN without ACK.
    var opensConnection: Bool { isTCP && flags & 0x12 == 0x02 }
    var isAddressRequest: Bool { transport == Self.udp && sourcePort == 68 && destinationPort == 67 }
}
