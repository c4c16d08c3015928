package import ApplianceModel
internal import Glibc
package import SystemPackage

/// A long-lived process in a session of its own: it outlives this program, and Ctrl-C does not reach it.
package struct DetachedProcess: Sendable {
    package let processID: Int32

    /// Starts a program.
    /// - Parameters:
    ///   - command: the program, searched for as `ProgramRunner` does, and its arguments.
    ///   - output: receives its standard output and standard error.
    ///   - descriptors: further descriptors that it gets, in order, as 3, 4, …
    /// - Throws: `program.missing`, `program.failed`.
    package static func spawn(
        _ command: [String], in directory: FilePath, output: FileDescriptor, descriptors: [FileDescriptor] = []
    ) throws -> DetachedProcess {
        guard let name = command.first else { throw Failure(.programFailed, "there is no program to start") }
        let executable = try ProgramRunner.find(name)

        var actions = posix_spawn_file_actions_t()
        unsafe posix_spawn_file_actions_init(&actions)
        defer { unsafe posix_spawn_file_actions_destroy(&actions) }
        unsafe posix_spawn_file_actions_addchdir_np(&actions, directory.string)
        unsafe posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        unsafe posix_spawn_file_actions_adddup2(&actions, output.rawValue, 1)
        unsafe posix_spawn_file_actions_adddup2(&actions, output.rawValue, 2)
        for (index, descriptor) in descriptors.enumerated() {
            unsafe posix_spawn_file_actions_adddup2(&actions, descriptor.rawValue, Int32(3 + index))
        }
        unsafe posix_spawn_file_actions_addclosefrom_np(&actions, Int32(3 + descriptors.count))

        var attributes = posix_spawnattr_t()
        unsafe posix_spawnattr_init(&attributes)
        defer { unsafe posix_spawnattr_destroy(&attributes) }
        var noSignals = sigset_t()
        unsafe sigemptyset(&noSignals)
        var allSignals = sigset_t()
        unsafe sigfillset(&allSignals)
        unsafe posix_spawnattr_setsigmask(&attributes, &noSignals)
        unsafe posix_spawnattr_setsigdefault(&attributes, &allSignals)
        let flags = Int32(POSIX_SPAWN_SETSIGMASK) | Int32(POSIX_SPAWN_SETSIGDEF) | 0x80  // POSIX_SPAWN_SETSID
        unsafe posix_spawnattr_setflags(&attributes, Int16(flags))

        var arguments = unsafe ([executable.string] + command.dropFirst()).map { unsafe strdup($0) }
        unsafe arguments.append(nil)
        defer { unsafe arguments.forEach { unsafe free($0) } }
        var processID: pid_t = 0
        let code = unsafe posix_spawn(&processID, executable.string, &actions, &attributes, arguments, environ)
        guard code == 0 else { throw Failure(.programFailed, "cannot start '\(name)'", cause: Errno(rawValue: code)) }
        return DetachedProcess(processID: processID)
    }

    /// Its exit status (128 + signal when a signal ended it) once it has ended, nil while it runs.
    package func exitStatus() -> Int32? {
        var status: Int32 = 0
        guard unsafe waitpid(processID, &status, WNOHANG) == processID else { return nil }
        let signal = status & 0x7f
        return signal == 0 ? (status >> 8) & 0xff : 128 + signal
    }
}

/// Processes of this host that are known by their id.
package enum ProcessTable {
    /// Sends SIGKILL to a process; one that has gone is no error.
    package static func kill(_ processID: Int32) throws {
        guard Glibc.kill(processID, SIGKILL) == 0 || errno == ESRCH else {
            throw Failure(.programFailed, "cannot end process \(processID)", cause: Errno(rawValue: errno))
        }
    }

    package static func exists(_ processID: Int32) -> Bool { Glibc.kill(processID, 0) == 0 || errno == EPERM }
}
