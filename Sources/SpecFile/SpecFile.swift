package import ApplianceModel

/// The spec file: YAML on disk, `ApplianceSpec` in the program.
package enum SpecFile {
    /// The largest file that is read, in bytes.
    package static let sizeLimit = 1 << 20

    /// Reads a spec file.
    /// - Parameters:
    ///   - text: the YAML.
    ///   - file: the name of the file, for messages.
    ///   - nameOverride: takes the place of the key `name`, which may then be missing.
    /// - Throws: `spec.invalid` with every fault as `file:line: key: what is wrong; what is allowed`; `format.newer` when a
    ///   later pgkvm wrote the file.
    package static func parse(_ text: String, file: String, nameOverride: ApplianceName? = nil) throws -> ApplianceSpec {
        guard text.utf8.count <= sizeLimit else {
            throw invalid(file, [LocatedFault(line: 1, path: nil, message: "the file is larger than \(ByteSize(bytes: Int64(sizeLimit)))")])
        }
        // Editors put a byte order mark in front, and the YAML reader stumbles over it.
        let document = try YAMLDocument(text.unicodeScalars.first == "\u{feff}" ? String(text.unicodeScalars.dropFirst()) : text, file: file)
        if let version = document.formatVersion { try FormatVersion.check(version, supported: ApplianceSpec.currentFormat, file: file) }
        var reader = SpecReader(document)
        let spec = reader.readSpec(nameOverride: nameOverride)
        guard let spec, reader.faults.isEmpty else { throw invalid(file, reader.faults) }
        return spec
    }

    /// Reads a spec file from its bytes, which must be UTF-8.
    /// - Throws: as `parse(_:file:nameOverride:)`.
    package static func parse(_ bytes: [UInt8], file: String, nameOverride: ApplianceName? = nil) throws -> ApplianceSpec {
        guard let text = String(validating: bytes, as: UTF8.self) else {
            let valid = String(decoding: bytes, as: UTF8.self).prefix { $0 != "\u{fffd}" }
            let line = 1 + valid.utf8.count { $0 == UInt8(ascii: "\n") }
            throw invalid(file, [LocatedFault(line: line, path: nil, message: "the text is not UTF-8; save the file with that encoding")])
        }
        return try parse(text, file: file, nameOverride: nameOverride)
    }

    static func invalid(_ file: String, _ faults: [LocatedFault]) -> Failure {
        let lines = faults.enumerated()
            .sorted { ($0.element.line ?? .max, $0.offset) < ($1.element.line ?? .max, $1.offset) }
            .map { $0.element.text(file: file) }
        return Failure.invalidSpec("'\(file)'", faults: lines)
    }
}

/// A fault and the line that it stands on.
struct LocatedFault {
    /// From 1; nil when nothing in the file stands for it.
    let line: Int?
    let path: String?
    let message: String

    func text(file: String) -> String {
        let place = line.map { "\(file):\($0)" } ?? file
        return path.map { "\(place): \(SpecRules.escaped($0)): \(message)" } ?? "\(place): \(message)"
    }
}
