internal import ApplianceModel
package import Basics
internal import BuiltinTemplates
internal import FoundationEssentials

/// What a PostgreSQL server reports about itself: its settings, and which extensions, libraries, locales and time zones it has.
///
/// It is recorded when an image is built, from the server in the image. With it, a spec can be checked before there is a guest.
package struct ServerCatalogue: Codable, Sendable, Equatable {
    /// The newest format of the file that this program reads, and the one that it writes.
    package static let currentFormat = 1

    package let formatVersion: Int
    /// For example 17.
    package let majorVersion: Int
    /// The rows of `pg_settings`, by name.
    package let settings: [Parameter]
    /// Whether the server reads `0b101` as a number: its C library decides.
    package let readsBinaryIntegers: Bool
    /// The names in `pg_available_extensions`.
    package let extensions: [String]
    /// Further packages of the image's archive that may bring extensions, such as `postgresql-17-pgvector`.
    package let packages: [String]
    /// The libraries that the server finds by their bare name, without `.so`.
    package let libraries: [String]
    /// The sources from which `localedef` makes a locale, such as `de_CH` or `sr_RS@latin`.
    package let localeSources: [String]
    /// The character sets that `localedef` knows, such as `UTF-8`.
    package let charmaps: [String]
    /// The locales that mean UTF-8 although their name does not say so, such as `en_IN`.
    package let unicodeLocales: [String]
    /// The installed locales, as `locale -a` prints them.
    package let locales: [String]
    /// The names in `pg_timezone_names`.
    package let timeZones: [String]

    /// A row of `pg_settings`.
    package struct Parameter: Codable, Sendable, Equatable {
        package let name: String
        package let type: Kind
        /// `kB`, `8kB`, `ms`, …; nil if the setting has none.
        package let unit: String?
        /// As PostgreSQL prints it; only for numbers.
        package let minimum: String?
        package let maximum: String?
        /// The values of an enum.
        package let words: [String]?
        /// Values that the enum accepts and `pg_settings` does not show.
        package let furtherWords: [String]?
        /// Whether no configuration file can set it.
        package let isFixed: Bool
        /// When it can change: `internal`, `postmaster`, `sighup`, `superuser`, `user`, ….
        package let context: String
        /// The value if the server's configuration does not set it; nil if it has none.
        package let bootValue: String?

        package enum Kind: String, Codable, Sendable {
            case bool, integer, real, string
            case words = "enum"
        }
    }

    /// The script that psql runs to get the catalogue as JSON; the script says which variables it takes.
    package static var question: String { BuiltinTemplates.text("guest/server-catalogue.sql") ?? "" }

    /// More than any server reports.
    package static let largestSize = 8 << 20

    /// Reads the answer to `question`, or a file that contains one.
    /// - Parameter source: where it comes from, for messages.
    /// - Throws: `catalogue.unreadable`, `format.newer`.
    package init(json: [UInt8], source: String) throws {
        struct Versioned: Decodable { let formatVersion: Int }
        func unreadable(_ why: String, _ cause: (any Error)? = nil) -> Failure {
            Failure(
                .catalogueUnreadable, "what the server said of itself in '\(source)' cannot be read: \(why)",
                remedy: "remove the image and build or import it again", cause: cause)
        }
        guard json.count <= Self.largestSize else { throw unreadable("it has \(json.count) bytes, more than \(Self.largestSize)") }
        do {
            let data = Data(json)
            try FormatVersion.check(JSONDecoder().decode(Versioned.self, from: data).formatVersion, supported: Self.currentFormat, file: source)
            self = try JSONDecoder().decode(ServerCatalogue.self, from: data)
        } catch let error as DecodingError {
            throw unreadable("it is not the expected JSON", error)
        }
        guard !settings.isEmpty, !timeZones.isEmpty else { throw unreadable("it names no settings or no time zones") }
    }

    /// The file that `init(json:)` reads.
    package func encoded() throws -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return [UInt8](try encoder.encode(self)) + [UInt8(ascii: "\n")]
    }

    /// The settings that the server reads only when it starts.
    package var restartSettings: Set<String> { Set(settings.filter { $0.context == "postmaster" }.map(\.name)) }

    /// The setting with this name in any case, as the server finds it.
    package func setting(named name: String) -> Parameter? {
        let wanted = ASCIICase.lowered(name)
        return settings.first { ASCIICase.lowered($0.name) == wanted }
    }
}

extension Failure.Code {
    /// A server's report about itself is not in the form that pgkvm reads.
    package static let catalogueUnreadable = Failure.Code("catalogue.unreadable")
}
