import ApplianceModel
import Basics
import Foundation
import Glibc
import HostSystem
import Synchronization
import SystemPackage
import Testing

@Suite("The lock on a file")
struct FileLockTests {
    @Test("A second handle gets it only after the first one is gone")
    func exclusive() async throws {
        try await withTemporaryDirectory { directory in
            let path = directory.appending("lock")
            do {
                let first = try take(path)
                #expect(try !isFree(path))
                _ = consume first
            }
            #expect(try isFree(path))
            #expect(Files.status(path)?.permissions == 0o600)
        }
    }

    @Test("It is free once it is given back, though a child that is being started still shares the descriptor")
    func shared() async throws {
        try await withTemporaryDirectory { directory in
            let path = directory.appending("lock")
            var shared: [Int32] = []
            do {
                let lock = try take(path)
                let held = try Files.list("/proc/self/fd").filter { name in
                    (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/\(name)")) == path.string
                }
                shared = held.compactMap { Int32($0) }.map { dup($0) }
                #expect(shared.count == 1)
                _ = consume lock
            }
            #expect(try isFree(path))
            for descriptor in shared { close(descriptor) }
        }
    }

    @Test("Another process does not get it while it is held here")
    func heldHere() async throws {
        try await withTemporaryDirectory { directory in
            let path = directory.appending("lock")
            do {
                let lock = try take(path)
                #expect(try await ProgramRunner.run("flock", ["--nonblock", path.string, "true"]).status == 1)
                _ = consume lock
            }
            #expect(try await ProgramRunner.run("flock", ["--nonblock", path.string, "true"]).status == 0)
        }
    }

    @Test("It waits for another process, says so once, and has it when that process was killed")
    func heldElsewhere() async throws {
        try await withTemporaryDirectory { directory in
            let path = directory.appending("lock")
            let (lines, told) = AsyncStream.makeStream(of: String.self)
            let script = "echo $$ >&2; exec sleep 600"
            async let holder = ProgramRunner.run("flock", ["--no-fork", path.string, "sh", "-c", script]) { told.yield($0) }
            let line = await lines.first { _ in true }
            let process = try #require(line.flatMap { pid_t($0) })
            #expect(try !isFree(path))

            var waits = 0
            let lock = try await FileLock.acquire(path) {
                waits += 1
                kill(process, SIGKILL)
            }
            #expect(waits == 1)
            #expect(try !isFree(path))
            _ = consume lock
            #expect(try await holder.status == 128 + SIGKILL)
        }
    }

    @Test("A free lock is taken without waiting")
    func free() async throws {
        try await withTemporaryDirectory { directory in
            let lock = try await FileLock.acquire(directory.appending("lock")) { Issue.record("nobody holds it") }
            _ = consume lock
        }
    }

    @Test("Waiting ends when the task is cancelled")
    func cancelled() async throws {
        try await withTemporaryDirectory { directory in
            let path = directory.appending("lock")
            let held = try take(path)
            let (waiting, told) = AsyncStream.makeStream(of: Void.self)
            let task = Task { _ = try await FileLock.acquire(path) { told.yield() } }
            for await _ in waiting { break }
            task.cancel()
            await #expect(throws: CancellationError.self) { try await task.value }
            _ = consume held
        }
    }

    @Test("A lock that cannot be opened is an error, a link in its place too")
    func unopenable() async throws {
        try await withTemporaryDirectory { directory in
            let missing = try #require(throws: Failure.self) { _ = try FileLock.tryAcquire(directory.appending("none").appending("lock")) }
            #expect(missing.code == .fileUnwritable)
            try #require(symlink("/tmp/pgkvm-elsewhere", directory.appending("link").string) == 0)
            #expect(throws: Failure.self) { _ = try FileLock.tryAcquire(directory.appending("link")) }
        }
    }

    private struct Taken: Error {}

    private func take(_ path: FilePath) throws -> FileLock {
        guard let lock = try FileLock.tryAcquire(path) else { throw Taken() }
        return lock
    }

    private func isFree(_ path: FilePath) throws -> Bool {
        guard let lock = try FileLock.tryAcquire(path) else { return false }
        _ = consume lock
        return true
    }
}
