package import ApplianceModel

/// Where the keys of a spec file are, for messages from code that knows the spec but not its file.
package struct SpecPlaces: Sendable {
    private let file: String
    private let lines: [String: Int]

    /// For a spec from the command line, whose places are not known.
    package init() { (file, lines) = ("", [:]) }

    /// - Parameters:
    ///   - bytes: the content of the file; if it cannot be read, there are no places.
    ///   - file: its name as the user gave it.
    package init(_ bytes: [UInt8], file: String) {
        self.file = file
        lines = SpecFile.lines(bytes)
    }

    /// A fault, after the place of its key if that is known.
    package func text(of fault: SpecFault) -> String { (place(of: fault.path).map { "\($0): " } ?? "") + fault.description }

    /// `FILE:LINE` of a key such as `postgresql.settings.work_mem`, or of the key above it.
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
