package import Deployment
package import Terminal

/// Where a guide talks with its user: the terminal of the program, or a script in a test.
package protocol GuideTerminal: Sendable {
    /// The terminal's current abilities: a window may have changed since the last question.
    var style: TextStyle { get }
    /// How many lines fit on it at once; nil means that a long text is never paused.
    var rows: Int? { get }
    /// Whether it is read from top to bottom, for example by a screen reader: no columns of labels, no rewritten lines.
    var isPlain: Bool { get }

    /// Writes a text and a newline.
    func show(_ text: String)
    /// Waits for a line.
    /// - Returns: the line without its newline; nil at the end of the input (Ctrl-D).
    /// - Throws: `CancellationError` if the task is cancelled meanwhile (Ctrl-C).
    func ask(_ prompt: String) async throws -> String?
    /// Discards what was typed before the question was shown.
    func discardTypeahead()
    /// Gives the terminal to a shell in the guest until the shell ends.
    func openShell(in appliance: Appliance) async throws
}
