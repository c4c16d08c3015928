internal import Basics
internal import Glibc
internal import HostSystem
internal import SystemPackage

/// Replaces this process by another program.
enum Execution {
    /// Replaces this process by a program that inherits its environment, without pgkvm's secrets; returns only by throwing.
    /// - Parameter directory: where the program runs; nil for this process's directory.
    static func replace(by program: String, _ arguments: [String], in directory: FilePath? = nil) throws -> Never {
        var words = try [ProgramRunner.find(program).string] + arguments
        let secrets = HostEnvironment.secrets.filter { EnvironmentVariable.value($0) != nil }
        if !secrets.isEmpty { words = try [ProgramRunner.find("env").string] + secrets.flatMap { ["-u", $0] } + words }
        if let directory, chdir(directory.string) != 0 {
            throw Failure(.fileUnreadable, "cannot enter '\(directory)'", cause: Errno(rawValue: errno))
        }
        let path = words[0]
        var pointers = words.map { strdup($0) }
        pointers.append(nil)
        // An ignored signal stays ignored in the next program.
        for number in [SIGPIPE, SIGINT, SIGTERM] { signal(number, SIG_DFL) }
        // A blocked signal also stays blocked, and the threads of Dispatch block them all.
        var none = sigset_t()
        sigemptyset(&none)
        pthread_sigmask(SIG_SETMASK, &none, nil)
        execv(path, pointers)
        throw Failure(.programFailed, "cannot run '\(path)'", cause: Errno(rawValue: errno))
    }
}
