package import ApplianceModel
package import Basics

/// A base image in the cache, as described by `image.json` beside its disk.
package struct CachedImage: Codable, Sendable, Equatable {
    /// The newest format of `image.json` that this program can read, and the format that it writes.
    package static let currentFormat = 1

    package let formatVersion: Int
    /// SHA-256 (hex) over everything that determines the content; the name of the image's directory.
    package let key: String
    /// The name that users see: the release (`debian-13`), or the name given at import.
    package let name: String
    package let origin: Origin
    package let format: ImageFormat
    package let firmware: Firmware
    /// The size of the disk as a guest sees it.
    package let virtualSize: ByteSize
    /// The major version of the PostgreSQL packages in the image; nil when it does not contain any.
    package let postgresqlVersion: Int?
    /// When it was added to the cache, ISO 8601 in UTC.
    package let created: String

    /// Where an image comes from.
    package enum Origin: Codable, Sendable, Equatable {
        /// Built here from the packages of the release.
        case built(DebianRelease)
        /// Imported from a file or URL.
        case imported(String)

        package init(from decoder: any Decoder) throws {
            let container = try decoder.container(keyedBy: Kind.self)
            if let release = try container.decodeIfPresent(DebianRelease.self, forKey: .built) {
                self = .built(release)
            } else {
                self = .imported(try container.decode(String.self, forKey: .imported))
            }
        }

        package func encode(to encoder: any Encoder) throws {
            var container = encoder.container(keyedBy: Kind.self)
            switch self {
            case .built(let release): try container.encode(release, forKey: .built)
            case .imported(let source): try container.encode(source, forKey: .imported)
            }
        }

        private enum Kind: String, CodingKey { case built, imported }
    }
}

/// The accepted formats of disk images.
package enum ImageFormat: String, Codable, Sendable, CaseIterable { case raw, qcow2 }

/// What the image needs to start.
package enum Firmware: String, Codable, Sendable, CaseIterable {
    /// The disk has an EFI system partition.
    case uefi
    case bios
}
