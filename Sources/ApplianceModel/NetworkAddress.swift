internal import Quoting

/// An IPv4 network in CIDR notation, such as `10.0.2.0/24`. Host bits must be zero.
package struct IPv4Network: Hashable, Sendable, CustomStringConvertible, Codable {
    package let address: IPv4Address
    /// 0 to 32.
    package let prefixLength: Int

    /// Returns nil unless the text is `a.b.c.d/n` (or one address, which means /32) without host bits.
    package init?(_ text: String) {
        let parts = text.split(at: "/", omittingEmptySubsequences: false)
        guard parts.count <= 2, let first = parts.first, let address = IPv4Address(String(first)) else { return nil }
        let length = parts.count == 2 ? Int(parts[1]) : 32
        guard let length, (0...32).contains(length) else { return nil }
        guard parts.count == 1 || parts[1] == String(length) else { return nil }
        self.address = address
        self.prefixLength = length
        guard address.value & ~mask == 0 else { return nil }
    }

    /// The network of all addresses that share the first 0 to 32 bits with this one.
    init(of address: IPv4Address, prefixLength: Int) {
        self.address = IPv4Address(value: address.value & Self.mask(prefixLength))
        self.prefixLength = prefixLength
    }

    private var mask: UInt32 { Self.mask(prefixLength) }

    private static func mask(_ prefixLength: Int) -> UInt32 { prefixLength == 0 ? 0 : ~UInt32(0) << (32 - UInt32(prefixLength)) }

    package func contains(_ other: IPv4Address) -> Bool { other.value & mask == address.value }

    /// Whether every address of this network is a loopback address.
    package var isLoopback: Bool { address.value >> 24 == 127 && prefixLength >= 8 }

    package var description: String { "\(address)/\(prefixLength)" }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        let text = try container.decode(String.self)
        guard let network = IPv4Network(text) else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "'\(text)' is not an IPv4 network")
        }
        self = network
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}

/// An IPv4 address in dotted-quad notation.
package struct IPv4Address: Hashable, Sendable, CustomStringConvertible {
    package let value: UInt32

    /// The address with these four bytes, the first one highest.
    package init(value: UInt32) { self.value = value }

    /// The address `a.b.c.d`.
    package init(_ a: UInt8, _ b: UInt8, _ c: UInt8, _ d: UInt8) {
        value = UInt32(a) << 24 | UInt32(b) << 16 | UInt32(c) << 8 | UInt32(d)
    }

    /// Returns nil unless the text is four decimal numbers from 0 to 255 without leading zeros.
    package init?(_ text: String) {
        let parts = text.split(at: ".", omittingEmptySubsequences: false)
        guard parts.count == 4 else { return nil }
        var value: UInt32 = 0
        for part in parts {
            guard let byte = UInt8(part), part == String(byte) else { return nil }
            value = value << 8 | UInt32(byte)
        }
        self.value = value
    }

    package var description: String {
        "\(value >> 24).\(value >> 16 & 255).\(value >> 8 & 255).\(value & 255)"
    }
}

extension IPv4Address: Codable {
    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        let text = try container.decode(String.self)
        guard let address = IPv4Address(text) else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "'\(text)' is not an IPv4 address")
        }
        self = address
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}

/// The address of a host, with the length of its network's prefix: `192.168.1.20/24`.
package struct IPv4Interface: Hashable, Sendable, CustomStringConvertible {
    package let address: IPv4Address
    /// 1 to 30: a network with room for a host and its router.
    package let prefixLength: Int

    /// Returns nil unless the text is `a.b.c.d/n`, and a host can have this address in that network.
    package init?(_ text: String) {
        let parts = text.split(at: "/", omittingEmptySubsequences: false)
        guard parts.count == 2, let address = IPv4Address(String(parts[0])), let length = Int(parts[1]), parts[1] == String(length),
            (1...30).contains(length)
        else { return nil }
        self.address = address
        prefixLength = length
        // The first address of a network is the network's own, the last one is for broadcasts.
        let hosts = ~UInt32(0) >> UInt32(length)
        guard ![0, hosts].contains(address.value & hosts) else { return nil }
    }

    package var network: IPv4Network { IPv4Network(of: address, prefixLength: prefixLength) }

    package var description: String { "\(address)/\(prefixLength)" }
}

/// Where a service can be reached from the host.
package struct Endpoint: Hashable, Sendable, Codable, CustomStringConvertible {
    package let host: String
    package let port: UInt16

    package init(host: String, port: UInt16) {
        self.host = host
        self.port = port
    }

    package var description: String { "\(host):\(port)" }
}
