internal import CLibSSH2
internal import Glibc

/// The memory of one libssh2 session, all of which the library gets and gives back here.
///
/// libssh2 keeps every packet that it has no use for yet, and believes lengths that a server tells: so there is a limit. And it says 0 of a
/// command whose exit status never came: so each packet is looked at before it goes.
final class SSHMemory {
    /// Far more than the windows of two channels and a transfer need.
    static let limit = 64 << 20

    private var held = 0
    /// The server wanted more than the limit.
    private(set) var isExhausted = false
    /// The exit status that came last; nil when none has come since a channel was opened.
    var exitStatus: UInt32?

    /// Cleared memory: what a packet that was cut off leaves unwritten is then nothing that was there before.
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
