package import ApplianceModel
internal import Basics

/// The spec file: YAML on disk, `ApplianceSpec` in the program.
package enum SpecFile {
    /// The largest file that is accepted, in bytes.
    package static let sizeLimit = 1 << 20
    /// The most bytes to read of a file: one byte more than the limit shows that it is too large.
    package static let readLimit = sizeLimit + 1

    /// Reads a spec file.
    /// - Parameters:
    ///   - text: the YAML.
    ///   - file: the name of the file, for messages.
    ///   - nameOverride: replaces the key `name`, which may then be missing.
    /// - Throws: `spec.invalid` with every fault as `file:line: key: what is wrong; what is allowed`; `format.newer` if a later pgkvm wrote the file.
    package static func parse(_ text: String, file: String, nameOverride: ApplianceName? = nil) throws -> ApplianceSpec {
        try parse(Array(text.utf8), file: file, nameOverride: nameOverride)
    }

    /// Reads a spec file from its bytes, which must be UTF-8.
    /// - Throws: as `parse(_:file:nameOverride:)`.
    package static func parse(_ bytes: [UInt8], file: String, nameOverride: ApplianceName? = nil) throws -> ApplianceSpec {
        let examined = try read(bytes, file: file, nameOverride: nameOverride)
        guard let spec = examined.spec, examined.faults.isEmpty else {
            throw Failure.invalidSpec("'\(file)'", faults: examined.faults.map { $0.text(file: file) })
        }
        return spec
    }

    /// Reads a spec file and reports everything that is wrong with it, in the order of its lines.
    /// - Throws: `format.newer`.
    package static func examine(_ bytes: [UInt8], file: String) throws -> ExaminedSpec { try read(bytes, file: file) }

    /// The line of each key in a file, by path; empty if the file cannot be read.
    static func lines(_ bytes: [UInt8]) -> [String: Int] { (try? read(bytes, file: ""))?.lines ?? [:] }

    static func read(_ bytes: [UInt8], file: String, nameOverride: ApplianceName? = nil) throws -> ExaminedSpec {
        do {
            // Editors write a byte order mark at the beginning, which the YAML reader does not accept.
            let text = try text(bytes)
            let document = try YAMLDocument(text.unicodeScalars.first == "\u{feff}" ? String(text.unicodeScalars.dropFirst()) : text)
            if let version = document.formatVersion { try FormatVersion.check(version, supported: ApplianceSpec.currentFormat, file: file) }
            var reader = SpecReader(document, nameOverride: nameOverride)
            let spec = reader.readSpec()
            let faults = reader.faults.enumerated().sorted { ($0.element.line ?? .max, $0.offset) < ($1.element.line ?? .max, $1.offset) }
            return ExaminedSpec(spec: spec, faults: faults.map(\.element), lines: reader.lines)
        } catch let fault as LocatedFault {
            return ExaminedSpec(spec: nil, faults: [fault], lines: [:])
        }
    }

    private static func text(_ bytes: [UInt8]) throws -> String {
        guard bytes.count <= sizeLimit else {
            throw LocatedFault(
                line: 1, path: nil, message: "the file has more than \(sizeLimit) bytes (\(ByteSize(bytes: Int64(sizeLimit)))), which is the limit")
        }
        if let text = String(validating: bytes, as: UTF8.self) { return text }
        let valid = String(decoding: bytes, as: UTF8.self).prefix { $0 != "\u{fffd}" }
        let line = 1 + valid.utf8.count { $0 == UInt8(ascii: "\n") }
        throw LocatedFault(line: line, path: nil, message: "the text is not UTF-8; save the file with that encoding")
    }
}

/// A spec file after reading, with everything that is wrong with it.
package struct ExaminedSpec: Sendable {
    /// What could be read; nil without a name, and for a file that is not YAML. It is what the file asks for only if there are no faults.
    package let spec: ApplianceSpec?
    /// In the order of the lines; empty if the file can be deployed.
    package let faults: [LocatedFault]
    fileprivate let lines: [String: Int]

    init(spec: ApplianceSpec?, faults: [LocatedFault], lines: [String: Int]) {
        self.spec = spec
        self.faults = faults
        self.lines = lines
    }

    /// A message about a key, with the key's line.
    package func located(_ path: String, _ message: String) -> LocatedFault { LocatedFault(line: lines[path], path: path, message: message) }

    /// Whether a fault is about a key, or about one below it.
    package func isFaulty(_ path: String) -> Bool {
        faults.contains { fault in fault.path.map { $0 == path || $0.utf8.starts(with: "\(path).".utf8) } ?? true }
    }
}

/// A fault and its line. If the rest of a file cannot be read, the fault is also thrown as an error.
package struct LocatedFault: Error, Codable, Sendable, Equatable {
    /// From 1; nil if no line of the file belongs to it.
    package let line: Int?
    /// The key; nil if the fault concerns the whole file.
    package let path: String?
    /// What is wrong, and what is allowed.
    package let message: String

    /// `file:line: key: what is wrong; what is allowed`.
    package func text(file: String) -> String {
        let place = line.map { "\(file):\($0)" } ?? file
        return path.map { "\(place): \(SpecRules.escaped($0)): \(message)" } ?? "\(place): \(message)"
    }
}
