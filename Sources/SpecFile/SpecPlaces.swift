package import ApplianceModel

/// Where the keys of a spec file stand, for messages of those who know the spec and not its file.
package struct SpecPlaces: Sendable {
    private let file: String
    private let lines: [String: Int]

    /// Nothing is known of a spec that was put together on the command line.
    package init() { (file, lines) = ("", [:]) }

    /// - Parameters:
    ///   - bytes: the file's; one that cannot be read has no places.
    ///   - file: its name as the user gave it.
    package init(_ bytes: [UInt8], file: String) {
        self.file = file
        lines = SpecFile.lines(bytes)
    }

    /// A fault with the place of its key in front, where that is known.
    package func text(of fault: SpecFault) -> String { (place(of: fault.path).map { "\($0): " } ?? "") + fault.description }

    /// `FILE:LINE` of a key such as `postgresql.settings.work_mem`, or of the key that it stands under.
    package func place(of path: String) -> String? {
        var path = Substring(path)
        while !path.isEmpty {
            if let line = lines[String(path)] { return "\(file):\(line)" }
            guard let end = path.lastIndex(where: { $0 == "." || $0 == "[" }) else { return nil }
            path = path[..<end]
        }
        return nil
    }
}
