internal import ApplianceModel
internal import FoundationEssentials
internal import SystemPackage

/// JSON files that carry a `formatVersion`.
enum VersionedJSON {
    private struct Version: Decodable { let formatVersion: Int }

    /// Looks at the version before anything else: what a newer program wrote need not have the form of today.
    /// - Throws: `format.newer`, `DecodingError`.
    static func decode<Value: Decodable>(_ type: Value.Type, _ bytes: [UInt8], supported: Int, file: FilePath) throws -> Value {
        let data = Data(bytes)
        let version = try JSONDecoder().decode(Version.self, from: data).formatVersion
        try FormatVersion.check(version, supported: supported, file: file.string)
        return try JSONDecoder().decode(type, from: data)
    }
}
