internal import ArgumentParser

/// A command that makes up this whole process: it runs without tasks, other threads or signal handlers.
///
/// The C library gives up rights for all threads except those that are ending. The first thread of a program with tasks waits in its own end, so it
/// would keep the rights.
protocol WholeProcessCommand: ParsableCommand {
    /// - Returns: the exit status.
    func stay() throws -> Int32
}

extension WholeProcessCommand {
    func run() throws { throw ExitCode(try stay()) }
}
