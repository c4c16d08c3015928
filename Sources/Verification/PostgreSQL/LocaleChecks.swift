internal import ApplianceModel
internal import PostgresClient
internal import Quoting

/// Encoding and locale of the databases that the spec asks for.
enum LocaleChecks {
    struct Database: Sendable, Equatable {
        let name: String
        let encoding: String
        let collate: String
        let characterType: String
        /// `c` for the C library's, `b` for PostgreSQL's own, `i` for ICU's.
        let provider: String
        /// The provider's name for the locale; nil for the C library.
        let locale: String?
    }

    /// What the server reports about all databases. Columns that only some versions have are read from the row as JSON.
    static func databases(_ connection: PostgresConnection) async throws -> [Database] {
        try await connection.query(
            """
            SELECT datname, pg_encoding_to_char(encoding) AS encoding, datcollate, datctype, coalesce(to_jsonb(d)->>'datlocprovider', 'c') AS provider,
                   coalesce(to_jsonb(d)->>'datlocale', to_jsonb(d)->>'daticulocale') AS locale
            FROM pg_database d
            """
        ).map {
            Database(
                name: try $0.text("datname"), encoding: try $0.text("encoding"), collate: try $0.text("datcollate"),
                characterType: try $0.text("datctype"), provider: try $0.text("provider"), locale: $0["locale"])
        }
    }

    /// The rules, separate from the query. They apply to pgkvm's own database, the spec's, and the template for new ones. Databases that a user
    /// created are the user's affair.
    static func judge(_ databases: [Database], _ spec: ApplianceSpec, version: Int) -> Finding {
        let names = ["template1", "pgkvm"] + spec.postgresql.databases.map(\.name)
        let locale = spec.postgresql.locale
        let isBuiltin = version >= 17 && ["C.UTF-8", "C"].contains(locale)
        let faults = names.compactMap { name -> String? in
            guard let found = databases.first(where: { $0.name == name }) else { return "\(name): there is no such database" }
            if found.encoding != "UTF8" { return "\(name): encoding \(found.encoding)" }
            let isAsAsked =
                isBuiltin
                ? found.provider == "b" && found.locale == locale
                : found.provider == "c" && LocaleName.isSame(found.collate, locale) && LocaleName.isSame(found.characterType, locale)
            return isAsAsked ? nil : "\(name): \(describe(found))"
        }
        let wanted = "UTF8, \(locale) by \(isBuiltin ? "PostgreSQL itself" : "the C library")"
        return Finding(
            check: "postgresql.locale", level: faults.isEmpty ? .pass : .fail,
            measured: faults.isEmpty ? "\(wanted), in \(names.count) databases" : faults.joined(separator: "; "),
            expected: "\(wanted), in every database of the spec",
            remedy: faults.isEmpty ? nil : "dump the database, create it anew (or deploy anew with another postgresql.locale), restore")
    }

    private static func describe(_ database: Database) -> String {
        let providers = ["b": "PostgreSQL itself", "c": "the C library", "i": "ICU"]
        let names = database.locale ?? (database.collate == database.characterType ? database.collate : "\(database.collate)/\(database.characterType)")
        return "\(names) by \(providers[database.provider] ?? database.provider)"
    }
}
