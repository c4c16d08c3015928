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
        try parse(Array(text.utf8), file: file, nameOverride: nameOverride)
    }

    /// Reads a spec file from its bytes, which must be UTF-8.
    /// - Throws: as `parse(_:file:nameOverride:)`.
    package static func parse(_ bytes: [UInt8], file: String, nameOverride: ApplianceName? = nil) throws -> ApplianceSpec {
        let (spec, faults) = try read(bytes, file: file, nameOverride: nameOverride)
        guard let spec, faults.isEmpty else { throw Failure.invalidSpec("'\(file)'", faults: faults.map { $0.text(file: file) }) }
        return spec
    }

    /// Every fault of a spec file, in the order of its lines; none when it can be deployed.
    /// - Throws: `format.newer`.
    package static func faults(in bytes: [UInt8], file: String) throws -> [LocatedFault] { try read(bytes, file: file, nameOverride: nil).faults }

    /// The line of each key that a file has, by path; none of a file that cannot be read.
    static func lines(_ bytes: [UInt8]) -> [String: Int] {
        guard let text = try? text(bytes),
            let document = try? YAMLDocument(text.unicodeScalars.first == "\u{feff}" ? String(text.unicodeScalars.dropFirst()) : text)
        else { return [:] }
        var reader = SpecReader(document)
        _ = reader.readSpec(nameOverride: nil)
        return reader.lines
    }

    static func read(_ bytes: [UInt8], file: String, nameOverride: ApplianceName? = nil) throws -> (spec: ApplianceSpec?, faults: [LocatedFault]) {
        do {
            // Editors put a byte order mark in front, and the YAML reader stumbles over it.
            let text = try text(bytes)
            let document = try YAMLDocument(text.unicodeScalars.first == "\u{feff}" ? String(text.unicodeScalars.dropFirst()) : text)
            if let version = document.formatVersion { try FormatVersion.check(version, supported: ApplianceSpec.currentFormat, file: file) }
            var reader = SpecReader(document)
            let spec = reader.readSpec(nameOverride: nameOverride)
            let faults = reader.faults.enumerated().sorted { ($0.element.line ?? .max, $0.offset) < ($1.element.line ?? .max, $1.offset) }
            return (spec, faults.map(\.element))
        } catch let fault as LocatedFault {
            return (nil, [fault])
        }
    }

    private static func text(_ bytes: [UInt8]) throws -> String {
        guard bytes.count <= sizeLimit else {
            throw LocatedFault(line: 1, path: nil, message: "the file has \(bytes.count) bytes; allowed are at most \(ByteSize(bytes: Int64(sizeLimit)))")
        }
        if let text = String(validating: bytes, as: UTF8.self) { return text }
        let valid = String(decoding: bytes, as: UTF8.self).prefix { $0 != "\u{fffd}" }
        let line = 1 + valid.utf8.count { $0 == UInt8(ascii: "\n") }
        throw LocatedFault(line: line, path: nil, message: "the text is not UTF-8; save the file with that encoding")
    }
}

/// A fault and the line that it stands on. Where a file can be read no further it is an error too.
package struct LocatedFault: Error, Codable, Sendable, Equatable {
    /// From 1; nil when nothing in the file stands for it.
    package let line: Int?
    /// The key, nil for what concerns the whole file.
    package let path: String?
    package let message: String

    /// `file:line: key: what is wrong; what is allowed`.
    package func text(file: String) -> String {
        let place = line.map { "\(file):\($0)" } ?? file
        return path.map { "\(place): \(SpecRules.escaped($0)): \(message)" } ?? "\(place): \(message)"
    }
}
