import ApplianceModel
import Basics
import Glibc
import SystemPackage
import Testing

@testable import HostSystem

/// A listening socket of this process, which accepts nothing by itself.
private final class Listener: Sendable {
    let descriptor: FileDescriptor
    let port: UInt16

    init(port wanted: UInt16 = 0, backlog: Int32 = 8) throws {
        let file = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard file >= 0 else { throw Errno(rawValue: errno) }
        descriptor = FileDescriptor(rawValue: file)
        var on: Int32 = 1
        setsockopt(file, SOL_SOCKET, SO_REUSEADDR, &on, socklen_t(MemoryLayout<Int32>.size))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = wanted.bigEndian
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let code = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                bind(file, address, length) | listen(file, backlog) | getsockname(file, address, &length)
            }
        }
        guard code == 0 else { throw Errno(rawValue: errno) }
        port = UInt16(bigEndian: address.sin_port)
    }

    init(path: FilePath) throws {
        let file = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard file >= 0 else { throw Errno(rawValue: errno) }
        descriptor = FileDescriptor(rawValue: file)
        port = 0
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.string.utf8) }
        let code = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(file, $0, socklen_t(MemoryLayout<sockaddr_un>.size)) } | listen(file, 4)
        }
        guard code == 0 else { throw Errno(rawValue: errno) }
    }

    deinit { try? descriptor.close() }
}

@Suite("Sockets")
struct SocketsTests {
    @Test("A TCP connection is blocking, close-on-exec and sends small packets at once")
    func tcp() async throws {
        let listener = try Listener()
        let file = try await Sockets.connect(to: Endpoint(host: "127.0.0.1", port: listener.port), timeout: .seconds(10))
        defer { try? file.close() }
        #expect(fcntl(file.rawValue, F_GETFD) & FD_CLOEXEC != 0)
        #expect(fcntl(file.rawValue, F_GETFL) & O_NONBLOCK == 0)
        var value: Int32 = 0
        var length = socklen_t(MemoryLayout<Int32>.size)
        #expect(getsockopt(file.rawValue, Int32(IPPROTO_TCP), TCP_NODELAY, &value, &length) == 0)
        #expect(value != 0)
        let peer = FileDescriptor(rawValue: accept(listener.descriptor.rawValue, nil, nil))
        defer { try? peer.close() }
        try file.writeAll(Array("hello".utf8))
        var bytes = [UInt8](repeating: 0, count: 16)
        let count = try bytes.withUnsafeMutableBytes { try peer.read(into: $0) }
        #expect(bytes[..<count].elementsEqual("hello".utf8))
    }

    @Test("A Unix socket is connected to")
    func unix() async throws {
        let directory = try Files.createTemporaryDirectory(in: "/tmp", prefix: "pgkvm-sockets")
        defer { try? Files.remove(directory) }
        let path = directory.appending("s")
        let listener = try Listener(path: path)
        let file = try await Sockets.connect(to: path, timeout: .seconds(10))
        #expect(fcntl(file.rawValue, F_GETFD) & FD_CLOEXEC != 0)
        try file.close()
        withExtendedLifetime(listener) {}
    }

    @Test("Nobody at the port or the path is 'refused'")
    func refused() async throws {
        let port = try Sockets.pickFreePort()
        let tcp = await #expect(throws: Failure.self) {
            try await Sockets.connect(to: Endpoint(host: "127.0.0.1", port: port), timeout: .seconds(10)).close()
        }
        #expect(tcp?.code == .socketRefused)
        let unix = await #expect(throws: Failure.self) { try await Sockets.connect(to: "/nowhere/socket", timeout: .seconds(10)).close() }
        #expect(unix?.code == .socketRefused)
    }

    @Test("A name, or no address at all, is refused rather than looked up", arguments: ["localhost", "", "127.0.0.1 ", "::1", "256.0.0.1"])
    func names(host: String) async {
        let failure = await #expect(throws: Failure.self) { try await Sockets.connect(to: Endpoint(host: host, port: 1), timeout: .seconds(10)).close() }
        #expect(failure?.code == .invalidInput)
    }

    @Test("A server that does not answer is a time-out, and waiting for it can be cancelled")
    func noAnswer() async throws {
        // A full queue: the kernel leaves further connections unanswered.
        let listener = try Listener(backlog: 0)
        let endpoint = Endpoint(host: "127.0.0.1", port: listener.port)
        let first = try await Sockets.connect(to: endpoint, timeout: .seconds(10))
        defer { try? first.close() }
        let failure = await #expect(throws: Failure.self) { try await Sockets.connect(to: endpoint, timeout: .milliseconds(100)).close() }
        #expect(failure?.code == .timedOut)
        let task = Task { try await Sockets.connect(to: endpoint, timeout: .seconds(600)).close() }
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
    }

    @Test("A full Unix socket is a time-out")
    func noAnswerUnix() async throws {
        let directory = try Files.createTemporaryDirectory(in: "/tmp", prefix: "pgkvm-sockets")
        defer { try? Files.remove(directory) }
        let path = directory.appending("s")
        let listener = try Listener(path: path)
        var files: [FileDescriptor] = []
        defer { for file in files { try? file.close() } }
        let failure = await #expect(throws: Failure.self) {
            while files.count < 100 { files.append(try await Sockets.connect(to: path, timeout: .milliseconds(100))) }
        }
        #expect(failure?.code == .timedOut)
        withExtendedLifetime(listener) {}
    }

    @Test("The 107th byte of a socket's path is the last that is taken")
    func pathLength() async throws {
        let fits = FilePath("/" + String(repeating: "ü", count: 53))
        #expect(fits.string.utf8.count == Sockets.longestPath)
        try Sockets.checkPath(fits)
        let missing = await #expect(throws: Failure.self) { try await Sockets.connect(to: fits, timeout: .seconds(1)).close() }
        #expect(missing?.code == .socketRefused)
        let long = await #expect(throws: Failure.self) { try await Sockets.connect(to: FilePath("\(fits)x"), timeout: .seconds(1)).close() }
        #expect(long?.code == .socketPathTooLong)
        #expect(long?.message.contains("108 bytes") == true)
    }

    @Test("A port is free until somebody listens on it, and again afterwards")
    func portFree() async throws {
        let port = try Sockets.pickFreePort()
        var listener: Listener? = try Listener(port: port)
        #expect(!Sockets.isPortFree(port))
        #expect(!Sockets.isPortFree(0))
        // A connection that lingers in the kernel after its server is gone does not count.
        let client = try await Sockets.connect(to: Endpoint(host: "127.0.0.1", port: port), timeout: .seconds(10))
        let served = FileDescriptor(rawValue: accept(try #require(listener?.descriptor.rawValue), nil, nil))
        try served.close()
        listener = nil
        try client.close()
        #expect(Sockets.isPortFree(port))
    }

    @Test("Who looks at a port does not take it from others")
    func looking() async throws {
        let port = try Sockets.pickFreePort()
        await withTaskGroup(of: Bool.self) { group in
            for _ in 0..<8 { group.addTask { (0..<500).allSatisfy { _ in Sockets.isPortFree(port) } } }
            for await wasFree in group { #expect(wasFree) }
        }
    }

    @Test("A picked port is free, outside the kernel's own range, and picked once")
    func pick() throws {
        let own = Sockets.ephemeralPorts()
        var picked: Set<UInt16> = []
        for _ in 0..<20 {
            let port = try Sockets.pickFreePort()
            #expect(picked.insert(port).inserted)
            #expect(port >= 10_000)
            #expect(!own.contains(port))
            #expect(Sockets.isPortFree(port))
        }
    }

    @Test("Promised and used ports are passed over, and none left is a failure")
    func pickAround() throws {
        let ephemeral: ClosedRange<UInt16> = 10_003...65_535
        #expect(try Sockets.pickFreePort(excluding: [10_000], ephemeral: ephemeral) { $0 != 10_001 } == 10_002)
        for (excluded, isFree) in [([10_000, 10_001, 10_002], true), ([], false)] as [(Set<UInt16>, Bool)] {
            let failure = #expect(throws: Failure.self) { try Sockets.pickFreePort(excluding: excluded, ephemeral: ephemeral) { _ in isFree } }
            #expect(failure?.code == .noFreePort)
        }
        let none = #expect(throws: Failure.self) { try Sockets.pickFreePort(excluding: [], ephemeral: 1...65_535) { _ in true } }
        #expect(none?.code == .noFreePort)
    }
}
