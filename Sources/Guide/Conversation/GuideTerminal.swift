package import Deployment
package import Terminal

/// Where a guide talks with somebody: the terminal of the program, or a script of a test.
package protocol GuideTerminal: Sendable {
    /// What it can show now: a window may have changed since the last question.
    var style: TextStyle { get }
    /// How many lines fit on it at once; nil never pauses a long text.
    var rows: Int? { get }
    /// Whether it is read from top to bottom, by a screen reader for one: no columns of labels, no line that is rewritten.
    var isPlain: Bool { get }

    /// Writes a text and a newline.
    func show(_ text: String)
    /// Waits for a line.
    /// - Returns: the line without its newline; nil at the end of the input (Ctrl-D).
    /// - Throws: `CancellationError` when the task is cancelled meanwhile (Ctrl-C).
    func ask(_ prompt: String) async throws -> String?
    /// Forgets what was typed before the question was there to be read.
    func discardTypeahead()
    /// Gives the terminal to a shell in the guest until that ends.
    func openShell(in appliance: Appliance) async throws
}
