internal import ArgumentParser

/// A command that is this whole process: no task, no thread and no signal handler beside it.
///
/// The library gives up rights for all threads but those that are ending, and the first thread of a program with tasks waits in its own end: it
/// would keep the rights.
protocol WholeProcessCommand: ParsableCommand {
    /// - Returns: the exit status.
    func stay() throws -> Int32
}

extension WholeProcessCommand {
    func run() throws { throw ExitCode(try stay()) }
}
