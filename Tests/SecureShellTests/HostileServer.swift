import Dispatch
import Glibc
import Synchronization
import SystemPackage

/// A server in this process that behaves as it likes to one client, on a loopback port.
final class HostileServer: Sendable {
    struct Client: Sendable {
        fileprivate let socket: Int32
        fileprivate let server: HostileServer

        /// Takes in what the client has sent; false once it is gone.
        @discardableResult
        func receive(waiting milliseconds: Int32) -> Bool {
            var ready = pollfd(fd: socket, events: Int16(POLLIN), revents: 0)
            guard poll(&ready, 1, milliseconds) > 0 else { return true }
            var bytes = [UInt8](repeating: 0, count: 4096)
            let count = recv(socket, &bytes, bytes.count, 0)
            if count > 0 { server.record.withLock { $0 += bytes[..<count] } }
            return count > 0
        }

        /// Waits for so many bytes; nil once the client is gone.
        func read(_ count: Int) -> [UInt8]? {
            var bytes = [UInt8](repeating: 0, count: count)
            var filled = 0
            while filled < count {
                let part = bytes.withUnsafeMutableBytes { recv(socket, $0.baseAddress?.advanced(by: filled), $0.count - filled, 0) }
                guard part > 0 else { return nil }
                filled += part
            }
            return bytes
        }

        /// False once the client is gone.
        @discardableResult
        func send(_ bytes: [UInt8]) -> Bool {
            var sent = 0
            while sent < bytes.count {
                let count = bytes[sent...].withUnsafeBytes { Glibc.send(socket, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
                guard count > 0 else { return false }
                sent += count
            }
            return true
        }

        func send(_ text: String) -> Bool { send(Array(text.utf8)) }

        /// One unencrypted SSH packet.
        func sendPacket(_ payload: [UInt8]) -> Bool {
            var padding = 8 - (5 + payload.count) % 8
            if padding < 4 { padding += 8 }
            let length = UInt32(1 + payload.count + padding)
            return send(withUnsafeBytes(of: length.bigEndian, Array.init) + [UInt8(padding)] + payload + [UInt8](repeating: 0, count: padding))
        }
    }

    let port: UInt16
    private let record = Mutex<[UInt8]>([])
    private let finished = DispatchGroup()

    /// Everything the client sent; complete once `stop` has returned.
    var received: [UInt8] { record.withLock { $0 } }

    init(_ behaviour: @escaping @Sendable (Client) -> Void) throws {
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard listener >= 0 else { throw Errno(rawValue: errno) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let code = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                bind(listener, address, length) | listen(listener, 4) | getsockname(listener, address, &length)
            }
        }
        guard code == 0 else { throw Errno(rawValue: errno) }
        port = UInt16(bigEndian: address.sin_port)
        DispatchQueue(label: "hostile").async(group: finished) { [self] in
            let client = accept(listener, nil, nil)
            _ = close(listener)
            guard client >= 0 else { return }
            behaviour(Client(socket: client, server: self))
            _ = close(client)
        }
    }

    /// Waits until the behaviour is over, which it is when the client has gone.
    func stop() async {
        await withCheckedContinuation { continuation in finished.notify(queue: .global()) { continuation.resume() } }
    }
}

/// The KEXINIT of a server that offers one algorithm of each kind.
func kexInit(keyExchange: String, hostKey: String, cipher: String, mac: String) -> [UInt8] {
    var payload: [UInt8] = [20] + [UInt8](repeating: 7, count: 16)
    for names in [keyExchange, hostKey, cipher, cipher, mac, mac, "none", "none", "", ""] {
        payload += withUnsafeBytes(of: UInt32(names.utf8.count).bigEndian, Array.init) + Array(names.utf8)
    }
    return payload + [0, 0, 0, 0, 0]
}
