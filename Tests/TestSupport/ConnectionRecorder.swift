internal import ApplianceModel
internal import Basics
internal import Glibc
internal import HostSystem
internal import SystemPackage

/// Listens on a port of 127.0.0.1 and tells who came: the kernel takes connections whether they are looked at or not.
package final class ConnectionRecorder: Sendable {
    package let port: UInt16
    private let file: FileDescriptor

    /// Listens as long as `body` runs.
    package static func with<Value>(_ body: (ConnectionRecorder) async throws -> Value) async throws -> Value {
        let recorder = try ConnectionRecorder()
        defer { try? recorder.file.close() }
        return try await body(recorder)
    }

    private init() throws {
        let file = FileDescriptor(rawValue: socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue) | Int32(SOCK_NONBLOCK.rawValue), 0))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr = in_addr(s_addr: UInt32(0x7F00_0001).bigEndian)
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let bound = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(file.rawValue, $0, length) }
        }
        let named = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(file.rawValue, $0, &length) }
        }
        guard bound == 0, named == 0, listen(file.rawValue, 16) == 0 else {
            throw Failure(.programFailed, "cannot listen on a port of 127.0.0.1", cause: Errno(rawValue: errno))
        }
        self.file = file
        port = UInt16(bigEndian: address.sin_port)
    }

    /// Whether somebody has connected since the last call.
    package func hasConnection() throws -> Bool {
        guard let connection = accepted() else { return false }
        try connection.close()
        return true
    }

    /// The first that the next client says; the connection is then closed.
    package func receive() async throws -> String {
        let said: String? = try await poll(every: .milliseconds(600), until: .now.advanced(by: .seconds(60)), on: ContinuousClock()) {
            try accepted().map { try Self.first($0) }
        }
        guard let said else { throw Failure(.timedOut, "nobody has connected to port \(port)") }
        return said
    }

    private func accepted() -> FileDescriptor? {
        let connection = accept(file.rawValue, nil, nil)
        return connection < 0 ? nil : FileDescriptor(rawValue: connection)
    }

    private static func first(_ connection: FileDescriptor) throws -> String {
        try connection.closeAfter {
            var bytes = [UInt8](repeating: 0, count: 4096)
            let count = try bytes.withUnsafeMutableBytes { try connection.read(into: $0) }
            return String(decoding: bytes[..<count], as: UTF8.self)
        }
    }
}
