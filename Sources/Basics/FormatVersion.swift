/// The version of a file that the program writes. A newer version is refused, an older one is read.
package enum FormatVersion {
    /// Throws if a file was written by a newer program than this one.
    package static func check(_ found: Int, supported: Int, file: String) throws {
        guard found <= supported else {
            throw Failure(
                .newerFormat, "'\(file)' has format version \(found); this pgkvm reads up to \(supported)",
                remedy: "use the pgkvm release that wrote the file, or a later one")
        }
        guard found >= 1 else { throw Failure(.invalidInput, "'\(file)' has the impossible format version \(found)") }
    }
}

extension Failure.Code {
    /// A file was written by a newer version of the program.
    package static let newerFormat = Failure.Code("format.newer")
}
