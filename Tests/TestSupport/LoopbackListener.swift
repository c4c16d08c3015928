internal import ApplianceModel
internal import Basics
internal import Glibc
internal import HostSystem
internal import SystemPackage

/// Somebody who listens on a port of 127.0.0.1 and never answers.
package enum LoopbackListener {
    /// Listens as long as `body` runs, which is given the port.
    package static func with<Value>(_ body: (UInt16) async throws -> Value) async throws -> Value {
        let port = try Sockets.pickFreePort()
        let file = FileDescriptor(rawValue: socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0))
        defer { try? file.close() }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr = in_addr(s_addr: UInt32(0x7F00_0001).bigEndian)
        let bound = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(file.rawValue, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) }
        }
        guard bound == 0, listen(file.rawValue, 1) == 0 else {
            throw Failure(.programFailed, "cannot listen on port \(port)", cause: Errno(rawValue: errno))
        }
        return try await body(port)
    }
}
