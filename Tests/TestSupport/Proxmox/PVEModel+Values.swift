internal import ApplianceModel
internal import Basics
internal import HostSystem

/// Values as the server writes them.
extension PVEModel {
    static func parts(_ value: String) -> [(key: String?, value: String)] {
        value.split(separator: ",").map { part in
            let pair = part.split(separator: "=", maxSplits: 1).map(String.init)
            return pair.count == 2 ? (pair[0], pair[1]) : (nil, pair[0])
        }
    }

    static func size(of value: String) -> Int64? {
        parts(value).first { $0.key == "size" }.flatMap { ByteSize($0.value)?.bytes }
    }

    static func sizeText(_ bytes: Int64) -> String {
        for (shift, unit) in [(30, "G"), (20, "M"), (10, "K")] where bytes % (1 << shift) == 0 { return "\(bytes >> shift)\(unit)" }
        return "\(bytes)"
    }

    /// Of a qcow2 file what its head says, else what it is.
    static func virtualSize(of file: File) -> Int64 {
        guard let head = try? Files.read(file.path, from: 0, limit: 32), head.count == 32, head[..<4] == [0x51, 0x46, 0x49, 0xfb] else { return file.size }
        return head[24..<32].reduce(0) { $0 << 8 | Int64($1) }
    }

    static func cards(_ net: String, _ address: String) -> JSONValue {
        let macAddress = parts(net).first { $0.key == "virtio" }?.value.lowercased() ?? ""
        return [
            [
                "name": "lo", "hardware-address": "00:00:00:00:00:00",
                "ip-addresses": JSONValue.array([["ip-address": "127.0.0.1", "ip-address-type": "ipv4", "prefix": JSONValue.integer(8)].json]),
            ].json,
            [
                "name": "eth0", "hardware-address": .string(macAddress),
                "ip-addresses": JSONValue.array([
                    ["ip-address": "fe80::1", "ip-address-type": "ipv6", "prefix": JSONValue.integer(64)].json,
                    ["ip-address": "169.254.3.4", "ip-address-type": "ipv4", "prefix": JSONValue.integer(16)].json,
                    ["ip-address": .string(address), "ip-address-type": "ipv4", "prefix": JSONValue.integer(24)].json,
                ]),
            ].json,
        ].json
    }
}

extension JSONValue: ExpressibleByStringLiteral {
    /// A text.
    public init(stringLiteral value: String) { self = .string(value) }
}

extension [String: JSONValue] {
    var json: JSONValue { .object(self) }
}

extension [JSONValue] {
    var json: JSONValue { .array(self) }
}
