internal import ApplianceModel
internal import Basics
internal import Glibc
package import SystemPackage

/// An exclusive `flock(2)` on a file, held for as long as the value lives; the kernel frees it after a crash.
package struct FileLock: ~Copyable, Sendable {
    private let descriptor: FileDescriptor

    /// Takes the lock without waiting.
    /// - Returns: nil when another process holds it.
    /// - Throws: `file.unwritable`.
    package static func tryAcquire(_ path: FilePath) throws -> FileLock? {
        let file: FileDescriptor
        do {
            file = try FileDescriptor.open(
                path, .readWrite, options: [.create, .closeOnExec, .noFollow], permissions: .ownerReadWrite)
        } catch {
            throw Failure(.fileUnwritable, "cannot open the lock '\(path)'", cause: error)
        }
        guard flock(file.rawValue, LOCK_EX | LOCK_NB) == 0 else {
            let code = Errno(rawValue: errno)
            try? file.close()
            if code == .wouldBlock { return nil }
            throw Failure(.fileUnwritable, "cannot lock '\(path)'", cause: code)
        }
        return FileLock(descriptor: file)
    }

    /// Takes the lock, and waits while another process holds it.
    /// - Parameter onWait: called once if there is a process to wait for.
    package static func acquire(_ path: FilePath, onWait: () -> Void = {}) async throws -> FileLock {
        var told = false
        while true {
            if let lock = try tryAcquire(path) { return lock }
            if !told { onWait() }
            told = true
            try await ContinuousClock().sleep(for: .milliseconds(100))
        }
    }

    private init(descriptor: FileDescriptor) { self.descriptor = descriptor }

    deinit {
        // A child that is being started shares the descriptor until it executes its program: closing only ours would leave the file locked.
        _ = flock(descriptor.rawValue, LOCK_UN)
        try? descriptor.close()
    }
}
