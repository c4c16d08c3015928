package import ApplianceModel
package import Basics
internal import CLinux
internal import Glibc
internal import Synchronization
package import SystemPackage

/// Stream sockets, connected and ready for use, and free ports on the host's loopback interface.
///
/// Every descriptor is close-on-exec and blocking; the caller owns it.
package enum Sockets {
    /// Two stream sockets that are connected to each other.
    /// - Throws: `network.not-permitted`.
    package static func pair() throws -> (FileDescriptor, FileDescriptor) {
        var (first, second): (Int32, Int32) = (-1, -1)
        let code = unsafe clinux_socket_pair(&first, &second)
        guard code == 0 else { throw Failure(.networkNotPermitted, "cannot make a pair of sockets", cause: Errno(rawValue: code)) }
        return (FileDescriptor(rawValue: first), FileDescriptor(rawValue: second))
    }

    /// Connects over TCP, without delay for small packets.
    /// - Parameter endpoint: an IPv4 address and a port; names are not looked up.
    /// - Throws: `socket.refused` when nothing listens (it may be too early), `socket.unreachable`, `timed-out`, `input.invalid`,
    ///   `CancellationError`.
    package static func connect(to endpoint: Endpoint, timeout: Duration) async throws -> FileDescriptor {
        guard let host = IPv4Address(endpoint.host) else {
            throw Failure(.invalidInput, "'\(endpoint.host)' is not an IPv4 address")
        }
        var address = socketAddress(host, endpoint.port)
        return try await connect("'\(endpoint)'", AF_INET, timeout: timeout) { file in
            var on: Int32 = 1
            _ = unsafe setsockopt(file, Int32(IPPROTO_TCP), TCP_NODELAY, &on, socklen_t(MemoryLayout<Int32>.size))
            return unsafe withGenericPointer(to: &address) { unsafe Glibc.connect(file, $0, $1) }
        }
    }

    /// Connects to a Unix socket.
    /// - Throws: `socket.path-too-long`, `socket.refused` when there is no such socket or nothing listens, `socket.unreachable`,
    ///   `timed-out`, `CancellationError`.
    package static func connect(to path: FilePath, timeout: Duration) async throws -> FileDescriptor {
        var address = try socketAddress(path)
        return try await connect("'\(path)'", AF_UNIX, timeout: timeout) { file in
            unsafe withGenericPointer(to: &address) { unsafe Glibc.connect(file, $0, $1) }
        }
    }

    /// The longest path that the kernel accepts for a Unix socket, in bytes.
    package static let longestPath = 107

    /// - Throws: `socket.path-too-long`.
    package static func checkPath(_ path: FilePath) throws {
        let length = path.string.utf8.count
        guard length <= longestPath else {
            throw Failure(
                .socketPathTooLong, "the socket path '\(path)' has \(length) bytes, \(longestPath) at most are possible",
                remedy: "use a state directory with a shorter path")
        }
    }

    /// Whether a server could listen on the port of 127.0.0.1 now.
    ///
    /// The test is a bind, which fails where a program listens. Listening as well would take the port from a server that is starting at
    /// this moment, and from another such test.
    package static func isPortFree(_ port: UInt16) -> Bool {
        guard port > 0, let loopback = IPv4Address("127.0.0.1") else { return false }
        let file = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard file >= 0 else { return false }
        defer { _ = close(file) }
        // As servers do: lingering earlier connections do not count.
        var on: Int32 = 1
        _ = unsafe setsockopt(file, SOL_SOCKET, SO_REUSEADDR, &on, socklen_t(MemoryLayout<Int32>.size))
        var address = socketAddress(loopback, port)
        return unsafe withGenericPointer(to: &address) { unsafe bind(file, $0, $1) } == 0
    }

    /// A socket that listens on a port of 127.0.0.1 chosen by the kernel. The kernel itself accepts connections; the caller closes the socket.
    /// - Throws: `socket.no-free-port`.
    package static func listen() throws -> (socket: FileDescriptor, port: UInt16) {
        let file = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard file >= 0 else { throw Failure(.noFreePort, "cannot make a socket", cause: Errno(rawValue: errno)) }
        let socket = FileDescriptor(rawValue: file)
        var address = socketAddress(IPv4Address(127, 0, 0, 1), 0)
        guard unsafe withGenericPointer(to: &address, { unsafe bind(file, $0, $1) }) == 0, Glibc.listen(file, 16) == 0,
            let port = ownAddress(of: file)?.port
        else {
            let code = Errno(rawValue: errno)
            try? socket.close()
            throw Failure(.noFreePort, "cannot listen on 127.0.0.1", cause: code)
        }
        return (socket, port)
    }

    private static func ownAddress(of file: Int32) -> (address: IPv4Address, port: UInt16)? {
        var own = sockaddr_in()
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let code = unsafe withUnsafeMutablePointer(to: &own) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { unsafe getsockname(file, $0, &length) }
        }
        return code == 0 ? (IPv4Address(value: UInt32(bigEndian: own.sin_addr.s_addr)), UInt16(bigEndian: own.sin_port)) : nil
    }

    /// The ports that this process has picked: a port is free until its server listens, which may be minutes later.
    private static let picked = Mutex<Set<UInt16>>([])

    /// A port of 127.0.0.1 that is free now, above 10000 and outside the range from which the kernel assigns ports to outgoing
    /// connections, so that no such connection takes it while the server is down. A process never gets the same port twice.
    /// - Parameter excluded: ports that are promised to others.
    /// - Throws: `socket.no-free-port`.
    package static func pickFreePort(excluding excluded: Set<UInt16> = []) throws -> UInt16 {
        try picked.withLock { picked in
            let port = try pickFreePort(excluding: excluded.union(picked), ephemeral: ephemeralPorts(), isFree: isPortFree)
            picked.insert(port)
            return port
        }
    }

    static func pickFreePort(excluding excluded: Set<UInt16>, ephemeral: ClosedRange<UInt16>, isFree: (UInt16) -> Bool) throws -> UInt16 {
        let candidates = (UInt16(10_000)...UInt16.max).filter { !ephemeral.contains($0) && !excluded.contains($0) }
        guard let start = candidates.indices.randomElement() else { throw noFreePort(ephemeral) }
        // Start at a random place, so that two processes that pick at once rarely collide.
        guard let port = (candidates[start...] + candidates[..<start]).first(where: isFree) else { throw noFreePort(ephemeral) }
        return port
    }

    private static func noFreePort(_ ephemeral: ClosedRange<UInt16>) -> Failure {
        Failure(
            .noFreePort, "no port of 127.0.0.1 is free outside the kernel's own range \(ephemeral.lowerBound)-\(ephemeral.upperBound)",
            remedy: "name a port in the spec, or narrow net.ipv4.ip_local_port_range")
    }

    /// `net.ipv4.ip_local_port_range`; Linux's default where it cannot be read.
    static func ephemeralPorts() -> ClosedRange<UInt16> {
        let text = (try? Files.readText("/proc/sys/net/ipv4/ip_local_port_range")) ?? ""
        let bounds = text.split(whereSeparator: \.isWhitespace).compactMap { UInt16($0) }
        guard bounds.count == 2, bounds[0] <= bounds[1] else { return 32_768...60_999 }
        return bounds[0]...bounds[1]
    }

    /// The address from which this host sends packets to another address, according to its routes; nothing is sent. Nil without a route.
    package static func sourceAddress(toward address: IPv4Address) -> IPv4Address? {
        let file = socket(AF_INET, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard file >= 0 else { return nil }
        defer { _ = close(file) }
        var other = socketAddress(address, 9)
        guard unsafe withGenericPointer(to: &other, { unsafe Glibc.connect(file, $0, $1) }) == 0 else { return nil }
        return ownAddress(of: file)?.address
    }

    // MARK: Connecting

    /// Starts a non-blocking connection, polls until it is established, and makes the descriptor blocking.
    private static func connect(_ name: String, _ family: Int32, timeout: Duration, _ start: (Int32) -> Int32) async throws -> FileDescriptor {
        let raw = socket(family, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue) | Int32(SOCK_NONBLOCK.rawValue), 0)
        guard raw >= 0 else { throw Failure(.socketUnreachable, "cannot make a socket", cause: Errno(rawValue: errno)) }
        let file = FileDescriptor(rawValue: raw)
        do {
            let deadline = ContinuousClock.now.advanced(by: timeout)
            if start(raw) != 0 {
                var code = Errno(rawValue: errno)
                // A Unix socket with a full backlog does not start a connection: try again.
                while code == .wouldBlock, ContinuousClock.now < deadline {
                    try await ContinuousClock().sleep(for: .milliseconds(20))
                    code = start(raw) == 0 ? Errno(rawValue: 0) : Errno(rawValue: errno)
                }
                if code == .nowInProgress {
                    let answer = try await HostSystem.poll(every: .milliseconds(5), until: deadline, on: ContinuousClock()) { outcome(of: raw) }
                    code = answer ?? .wouldBlock
                }
                guard code != .wouldBlock else { throw Failure(.timedOut, "no answer from \(name) within \(timeout)") }
                guard code.rawValue == 0 else { throw failure(name, code) }
            }
            let flags = fcntl(raw, F_GETFL)
            guard flags >= 0, fcntl(raw, F_SETFL, flags & ~O_NONBLOCK) == 0 else { throw failure(name, Errno(rawValue: errno)) }
            return file
        } catch {
            try? file.close()
            throw error
        }
    }

    /// The result of a connection that was under way, 0 for success; nil while it is still under way.
    private static func outcome(of file: Int32) -> Errno? {
        var ready = pollfd(fd: file, events: Int16(POLLOUT), revents: 0)
        guard unsafe Glibc.poll(&ready, 1, 0) > 0 else { return nil }
        var code: Int32 = 0
        var length = socklen_t(MemoryLayout<Int32>.size)
        guard unsafe getsockopt(file, SOL_SOCKET, SO_ERROR, &code, &length) == 0 else { return Errno(rawValue: errno) }
        return Errno(rawValue: code)
    }

    private static func failure(_ name: String, _ code: Errno) -> Failure {
        let isRefused = code == .connectionRefused || code == .noSuchFileOrDirectory
        return Failure(isRefused ? .socketRefused : .socketUnreachable, "cannot connect to \(name)", cause: code)
    }

    // MARK: Addresses

    private static func socketAddress(_ host: IPv4Address, _ port: UInt16) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = host.value.bigEndian
        return address
    }

    /// Sends one datagram to a socket on this host without waiting.
    /// - Parameter name: a path, or a name that begins with `@` for an abstract socket.
    /// - Throws: an `Errno`, or `socket.path-too-long`.
    static func send(_ bytes: [UInt8], to name: String) throws {
        var address = try socketAddress(FilePath(name))
        let isAbstract = name.utf8.first == UInt8(ascii: "@")
        if isAbstract { unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0[0] = 0 } }
        let file = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard file >= 0 else { throw Errno(rawValue: errno) }
        defer { close(file) }
        // The name of an abstract socket is ended only by its length.
        let length = socklen_t(MemoryLayout<sa_family_t>.size + name.utf8.count + (isAbstract ? 0 : 1))
        let sent = unsafe withUnsafePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                unsafe sendto(file, bytes, bytes.count, Int32(MSG_DONTWAIT) | Int32(MSG_NOSIGNAL), address, length)
            }
        }
        guard sent == bytes.count else { throw Errno(rawValue: errno) }
    }

    private static func socketAddress(_ path: FilePath) throws -> sockaddr_un {
        try checkPath(path)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: path.string.utf8) }
        return address
    }

    private static func withGenericPointer<Address>(to address: inout Address, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32) -> Int32 {
        unsafe withUnsafePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { unsafe body($0, socklen_t(MemoryLayout<Address>.size)) }
        }
    }
}

extension Failure.Code {
    /// Nothing listens there (yet).
    package static let socketRefused = Failure.Code("socket.refused")
    package static let socketUnreachable = Failure.Code("socket.unreachable")
    package static let socketPathTooLong = Failure.Code("socket.path-too-long")
    package static let noFreePort = Failure.Code("socket.no-free-port")
}
