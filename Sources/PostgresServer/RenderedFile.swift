/// A file for the guest, rendered but not written anywhere yet.
package struct RenderedFile: Sendable, Equatable {
    /// The version of the rendered files; each of them contains it.
    package static let formatVersion = 1

    /// Relative to the configuration directory, for example `conf.d/20-memory.conf`.
    package let path: String
    package let text: String
}
