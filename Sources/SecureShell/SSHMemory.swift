internal import CLibSSH2
internal import Glibc

/// The memory of one libssh2 session: the library allocates and frees all its memory here.
///
/// libssh2 keeps every packet that it cannot use yet, and trusts lengths that a server sends: so there is a limit. It also reports 0 for a
/// command whose exit status never arrived: so each packet is inspected before it is freed.
final class SSHMemory {
    /// Far more than the windows of two channels and a transfer need.
    static let limit = 64 << 20

    private var held = 0
    /// Whether the server's data needed more than the limit.
    private(set) var isExhausted = false
    /// The most recent exit status; nil when none has arrived since a channel was opened.
    var exitStatus: UInt32?

    /// Returns zeroed memory: the part that a truncated packet leaves unwritten then does not contain earlier data.
    func allocate(_ count: Int) -> UnsafeMutableRawPointer? {
        guard reserves(count), let memory = unsafe calloc(1, max(count, 1)) else { return nil }
        held += unsafe pgkvm_ssh2_allocated(memory)
        return unsafe memory
    }

    func change(_ memory: UnsafeMutableRawPointer?, to count: Int) -> UnsafeMutableRawPointer? {
        guard let memory = unsafe memory else { return unsafe allocate(count) }
        let before = unsafe pgkvm_ssh2_allocated(memory)
        guard count >= 0, count <= before || reserves(count - before), let changed = unsafe realloc(memory, max(count, 1)) else { return nil }
        held += unsafe pgkvm_ssh2_allocated(changed) - before
        return unsafe changed
    }

    func release(_ memory: UnsafeMutableRawPointer?) {
        guard let memory = unsafe memory else { return }
        let count = unsafe pgkvm_ssh2_allocated(memory)
        unsafe look(UnsafeRawBufferPointer(start: memory, count: count))
        held -= count
        unsafe free(memory)
    }

    private func reserves(_ count: Int) -> Bool {
        if count >= 0, count <= Self.limit - held { return true }
        isExhausted = true
        return false
    }

    /// `byte SSH_MSG_CHANNEL_REQUEST, uint32 channel, string "exit-status", boolean, uint32 status` (RFC 4254, 6.10).
    private func look(_ packet: UnsafeRawBufferPointer) {
        guard packet.count >= 25, unsafe packet[0] == 98, unsafe packet[5..<20].elementsEqual(Self.name) else { return }
        exitStatus = unsafe packet[21..<25].reduce(0) { $0 << 8 | UInt32($1) }
    }

    private static let name: [UInt8] = [0, 0, 0, 11] + Array("exit-status".utf8)
}
