internal import ApplianceModel
internal import Glibc
package import SystemPackage

extension Sockets {
    /// The process that listens behind a connected Unix socket (SO_PEERCRED).
    package static func peerProcess(of socket: FileDescriptor) throws -> Int32 {
        // struct ucred of <sys/socket.h>: pid, uid, gid.
        var credentials: (pid: Int32, user: UInt32, group: UInt32) = (0, 0, 0)
        var length = socklen_t(MemoryLayout.size(ofValue: credentials))
        guard unsafe getsockopt(socket.rawValue, SOL_SOCKET, SO_PEERCRED, &credentials, &length) == 0 else {
            throw Failure(.socketUnreachable, "cannot ask who listens on the socket", cause: Errno(rawValue: errno))
        }
        return credentials.pid
    }
}
