/// A file for the guest, rendered and not written anywhere yet.
package struct RenderedFile: Sendable, Equatable {
    /// The version of the rendered files; it stands in each of them.
    package static let formatVersion = 1

    /// Relative to the configuration directory, such as `conf.d/20-memory.conf`.
    package let path: String
    package let text: String
}
