package import ApplianceModel
internal import Glibc
internal import Quoting
internal import SystemPackage

/// A listening socket on this host, as an IPv4 client can reach it.
package struct HostListener: Hashable, Sendable {
    /// 0.0.0.0 for all addresses of the host.
    package let address: IPv4Address
    package let port: UInt16

    package init(address: IPv4Address, port: UInt16) {
        self.address = address
        self.port = port
    }

    package var isLoopback: Bool { address.value >> 24 == 127 }
    package var isEveryAddress: Bool { address.value == 0 }

    /// All listening sockets of this host, from the kernel's tables.
    /// - Throws: `file.unreadable`.
    package static func all() throws -> Set<HostListener> {
        // Without IPv6 the second table does not exist.
        try Set(parse(Files.readText("/proc/net/tcp")) + parse((try? Files.readText("/proc/net/tcp6")) ?? ""))
    }

    /// The listening sockets in one of the kernel's tables, `/proc/net/tcp` or `tcp6`. In the latter, only wildcard and IPv4 addresses count.
    package static func parse(_ table: String) -> [HostListener] {
        table.split(whereSeparator: \.isNewline).compactMap { line in
            let words = line.split(at: " ", maxSplits: 4, omittingEmptySubsequences: true)
            guard words.count > 3, words[3] == "0A" else { return nil }
            let parts = words[1].split(at: ":")
            guard parts.count == 2, let port = UInt16(parts[1], radix: 16), let address = address(parts[0]) else { return nil }
            return HostListener(address: address, port: port)
        }
    }

    /// Parses words of 32 bits, each in the processor's byte order.
    private static func address(_ digits: Substring) -> IPv4Address? {
        let mapped = "0000000000000000FFFF0000"
        switch digits.utf8.count {
        case 8: return UInt32(digits, radix: 16).map { IPv4Address(value: UInt32(bigEndian: $0)) }
        case 32 where digits.utf8.allSatisfy { $0 == UInt8(ascii: "0") }: return IPv4Address(value: 0)
        case 32 where digits.hasPrefix(mapped): return UInt32(digits.dropFirst(mapped.count), radix: 16).map { IPv4Address(value: UInt32(bigEndian: $0)) }
        default: return nil
        }
    }
}

extension HostRoutes {
    /// The host's own addresses except those of its loopback network.
    package static func ownAddresses() -> Set<IPv4Address> {
        var first: UnsafeMutablePointer<ifaddrs>?
        guard unsafe getifaddrs(&first) == 0 else { return [] }
        defer { unsafe freeifaddrs(first) }
        var found: Set<IPv4Address> = []
        var next = unsafe first
        while let entry = unsafe next {
            if let address = unsafe entry.pointee.ifa_addr, unsafe address.pointee.sa_family == sa_family_t(AF_INET) {
                let value = unsafe address.withMemoryRebound(to: sockaddr_in.self, capacity: 1) { unsafe $0.pointee.sin_addr.s_addr }
                found.insert(IPv4Address(value: UInt32(bigEndian: value)))
            }
            unsafe next = entry.pointee.ifa_next
        }
        return found.filter { $0.value >> 24 != 127 }
    }
}
