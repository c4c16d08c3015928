import Glibc
import SystemPackage
import Testing

@testable import HostSystem

@Suite("What a service tells systemd")
struct ServiceStatusTests {
    /// Listens as systemd does.
    private func heard(at name: String, _ text: String) throws -> String {
        let file = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0)
        defer { close(file) }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { path in
            path.copyBytes(from: name.utf8)
            if name.hasPrefix("@") { path[0] = 0 }
        }
        let length = socklen_t(2 + name.utf8.count + (name.hasPrefix("@") ? 0 : 1))
        let bound = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(file, $0, length) }
        }
        try #require(bound == 0)
        ServiceStatus.tell(text, at: name)
        var buffer = [UInt8](repeating: 0, count: 4096)
        let count = recv(file, &buffer, buffer.count, Int32(MSG_DONTWAIT))
        return String(decoding: buffer.prefix(max(0, count)), as: UTF8.self)
    }

    @Test("A line arrives at a socket with a path and at one without", arguments: [true, false])
    func told(hasPath: Bool) throws {
        let directory = try Files.createTemporaryDirectory(in: "/tmp", prefix: "pgkvm-notify")
        defer { try? Files.remove(directory) }
        let name = hasPath ? "\(directory)/notify" : "@\(directory)/notify"
        #expect(try heard(at: name, "waiting for SSH") == "STATUS=waiting for SSH\n")
    }

    @Test("Several lines are one, so that none of them is a message of its own, and a long one is cut")
    func oneLine() throws {
        let directory = try Files.createTemporaryDirectory(in: "/tmp", prefix: "pgkvm-notify")
        defer { try? Files.remove(directory) }
        #expect(try heard(at: "\(directory)/a", "error[x]: y:\n    said\n  try: z\nREADY=1") == "STATUS=error[x]: y: said; try: z; READY=1\n")
        #expect(try heard(at: "\(directory)/b", String(repeating: "ä", count: 5000)).utf8.count == 808)
    }

    @Test("Nobody there, or a path that is none, is no error", arguments: ["/nowhere/notify", "@nobody", "", String(repeating: "/x", count: 200)])
    func nobody(name: String) { ServiceStatus.tell("x", at: name) }
}
