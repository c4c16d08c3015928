internal import ApplianceModel
internal import Basics
internal import CLinux
internal import Dispatch
internal import Glibc
internal import Synchronization
package import SystemPackage

/// A long-lived process in its own session: it outlives this program, and Ctrl-C does not reach it.
package struct DetachedProcess: Sendable {
    package let processID: Int32
    private let ending: Ending

    /// How the process ended, as reported by `waitpid`.
    private final class Ending: Sendable { let status = Mutex<Int32?>(nil) }

    /// Waits for the end on a separate thread. A child that is never waited for stays in the host's process table, and code in this program
    /// that waits for any child sees it again and again.
    private init(child: pid_t) {
        let ending = Ending()
        processID = child
        self.ending = ending
        DispatchQueue(label: "pgkvm.detached-process").async {
            var status: Int32 = 0
            while unsafe waitpid(child, &status, 0) == -1 { guard errno == EINTR else { return } }
            ending.status.withLock { $0 = status }
        }
    }

    /// Starts a program.
    /// - Parameters:
    ///   - command: the program, searched for as `ProgramRunner` does, and its arguments.
    ///   - output: receives its standard output and standard error.
    ///   - descriptors: further descriptors that it inherits, in order, as 3, 4, …
    ///   - hidden: variables that do not reach it.
    /// - Throws: `program.missing`, `program.failed`.
    package static func spawn(
        _ command: [String], in directory: FilePath, output: FileDescriptor, descriptors: [FileDescriptor] = [],
        hiding hidden: [String] = HostEnvironment.secrets
    ) throws -> DetachedProcess {
        guard let name = command.first else { throw Failure(.programFailed, "there is no program to start") }
        let executable = try ProgramRunner.find(name)
        let handed = descriptors.map(\.rawValue)
        var processID: pid_t = 0
        let present = hidden.filter { EnvironmentVariable.value($0) != nil }
        let env = try present.isEmpty ? [] : [ProgramRunner.find("env").string] + present.flatMap { ["-u", $0] }
        let arguments = env + [executable.string] + command.dropFirst()
        let code = unsafe withCArguments(arguments) { pointers in
            unsafe clinux_spawn(arguments[0], pointers, directory.string, output.rawValue, handed, Int32(handed.count), &processID)
        }
        DebugLog.write(.info, "\(CommandText.render(command)) -> process \(processID)")
        guard code == 0 else { throw Failure(.programFailed, "cannot start '\(name)'", cause: Errno(rawValue: code)) }
        return DetachedProcess(child: processID)
    }

    /// Its exit status (128 + signal when a signal ended it) once it has ended, nil while it runs.
    package func exitStatus() -> Int32? {
        guard let status = ending.status.withLock({ $0 }) else { return nil }
        let signal = status & 0x7f
        return signal == 0 ? (status >> 8) & 0xff : 128 + signal
    }
}

/// Processes on this host that are identified by their id.
package enum ProcessTable {
    /// Sends SIGKILL to a process; it is not an error when the process has gone.
    package static func kill(_ processID: Int32) throws {
        guard Glibc.kill(processID, SIGKILL) == 0 || errno == ESRCH else {
            throw Failure(.programFailed, "cannot end process \(processID)", cause: Errno(rawValue: errno))
        }
    }

    package static func exists(_ processID: Int32) -> Bool { Glibc.kill(processID, 0) == 0 || errno == EPERM }
}
