internal import ApplianceModel
internal import Quoting

extension ApplianceSpec.PostgreSQL: DefaultPart {
    static var standard: Self { Self() }

    static let fields: [SpecField<Self>] = [
        SpecField(
            "postgresql.version", .optional(.number(SpecLimits.projectVersions), unset: "the distribution's"), \.version,
            "major version; of the distribution, or with 'source: pgdg' \(SpecLimits.projectVersions.words)",
            change: .fixed("the data was written by this version; upgrading is a work of its own")),
        SpecField("postgresql.source", .choice, \.source, "where the packages come from", change: .fixed("the packages are installed")),
        SpecField("postgresql.profile", .choice, \.profile, "what the settings are tuned for", change: .inPlace),
        SpecField(
            "postgresql.locale", .text(.any), \.locale, "C.UTF-8, C, POSIX, or a UTF-8 locale of the C library such as de_CH.UTF-8",
            change: .fixed("the order of every text index follows from it")),
        SpecField("postgresql.timeZone", .text(.any), \.timeZone, "an IANA name such as Europe/Zurich", change: .inPlace),
        SpecField(
            "postgresql.allowFrom", .texts(.network, limit: SpecLimits.networks, "networks"), \.allowFrom, "networks whose clients may connect",
            standard: "none but this host", change: .inPlace),
        .words(
            "postgresql.settings",
            SpecWords(
                limit: SpecLimits.settings, rule: "a setting has one value: lists are written 'a, b', and a value that begins with '[' or '{' needs quotes",
                example: "write '' for an empty one", name: { SettingRules.canonicalName($0) ?? $0 }, shown: { YAMLScalar($0).text }),
            \.settings, "settings of postgresql.conf; they win over what pgkvm computes", change: .inPlace),
        .entries(
            "postgresql.roles", \.roles, limit: SpecLimits.roles, "roles that log in, each with a generated password",
            standard: "app, when there are neither roles nor databases",
            change: .onlyAdds("pgkvm takes no role and no membership away: what the role owns would be left to nobody")
        ) { role in
            let text = "member of \(SpecValue.list(role.memberOf))\(role.replication ? ", with replication" : "")"
            return SpecValue("postgresql.roles", text, of: " \(SpecRules.shown(role.name))", parts: Set(role.memberOf))
        },
        .entries(
            "postgresql.databases", \.databases, limit: SpecLimits.databases, "databases",
            standard: "app, owned by app, when there are neither roles nor databases",
            change: .onlyAdds("pgkvm drops no database and no extension, whose data would be lost, and gives none to another owner")
        ) { database in
            let text = "owned by \(SpecRules.shown(database.owner)) with extensions \(SpecValue.list(database.extensions))"
            return SpecValue(
                "postgresql.databases", text, of: " \(SpecRules.shown(database.name))", owner: database.owner, parts: Set(database.extensions))
        },
    ]
}

extension ApplianceSpec.Role: DefaultPart {
    static var standard: Self { Self(name: "") }

    static let fields: [SpecField<Self>] = [
        SpecField("postgresql.roles[].name", .text(.any), \.name, "1 to 63 bytes", isRequired: true, change: .byItsKeys),
        SpecField(
            "postgresql.roles[].memberOf", .texts(.any, limit: SpecLimits.memberships, "roles"), \.memberOf,
            "roles of this list, or PostgreSQL's own such as pg_read_all_data", standard: "none", change: .byItsKeys),
        SpecField(
            "postgresql.roles[].replication", .flag.leftOut { !$0 }, \.replication,
            "true: it may stream the WAL, for base backups, pg_receivewal and standbys", change: .byItsKeys),
    ]
}

extension ApplianceSpec.Database: DefaultPart {
    static var standard: Self { Self(name: "", owner: "") }

    static let fields: [SpecField<Self>] = [
        SpecField("postgresql.databases[].name", .text(.any), \.name, "1 to 63 bytes", isRequired: true, change: .byItsKeys),
        SpecField("postgresql.databases[].owner", .text(.any), \.owner, "a role of the list", isRequired: true, change: .byItsKeys),
        SpecField(
            "postgresql.databases[].extensions", .texts(.matching("^[a-z][a-z0-9_-]{0,62}$"), limit: SpecLimits.extensions, "extensions"), \.extensions,
            "extensions to create in it", standard: "none", change: .byItsKeys),
    ]
}
