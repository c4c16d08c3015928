internal import FoundationEssentials

/// JSON files that contain a `formatVersion`.
package enum VersionedJSON {
    private struct Version: Decodable { let formatVersion: Int }

    /// Checks the version before anything else: a file of a newer program need not have the current form.
    /// - Parameters:
    ///   - supported: the newest version that this program reads.
    ///   - file: the file's name, for the message.
    /// - Throws: `format.newer`, `DecodingError`.
    package static func decode<Value: Decodable>(_ type: Value.Type, _ bytes: [UInt8], supported: Int, file: String) throws -> Value {
        let data = Data(bytes)
        let version = try JSONDecoder().decode(Version.self, from: data).formatVersion
        try FormatVersion.check(version, supported: supported, file: file)
        return try JSONDecoder().decode(type, from: data)
    }
}
