package import ApplianceModel
internal import Basics
internal import Quoting

/// Everything that decides the configuration of the server, and the files that follow from it. Pure: nothing is read or written.
package struct ServerConfiguration: Sendable {
    package var layout: ClusterLayout
    package var name: ApplianceName
    package var size: GuestSize
    package var profile: TuningPlan.Profile
    package var locale: String
    package var timeZone: String
    package var networkMode: ApplianceSpec.Network.Mode
    package var allowFrom: [IPv4Network]
    /// The address with which the guest sees this host; nil under user networking, and as long as there is no guest.
    package var hostAddress: String?
    /// The roles that may stream the WAL.
    package var replicating: [String]
    /// The spec's own settings; they take precedence over every computed setting.
    package var userSettings: [String: String]

    /// The configuration that a spec asks for.
    package init(spec: ApplianceSpec, layout: ClusterLayout) {
        self.layout = layout
        name = spec.name
        size = GuestSize(vcpus: spec.machine.vcpus, memory: spec.machine.memory, dataDisk: spec.dataDisk.size)
        profile = spec.postgresql.profile
        locale = spec.postgresql.locale
        timeZone = spec.postgresql.timeZone
        networkMode = spec.network.mode
        allowFrom = spec.postgresql.allowFrom
        replicating = spec.postgresql.roles.filter(\.replication).map(\.name)
        userSettings = spec.postgresql.settings
    }

    /// What is wrong, one fragment each; empty if `files` can be rendered.
    package var faults: [String] {
        HostBasedAccess.faults(mode: networkMode, allowFrom: allowFrom) + UserSettings.faults(userSettings)
    }

    /// Every setting in the order in which the server reads them.
    package var settings: [Setting] {
        identity + Tuning.settings(size: size, profile: profile, version: layout.version)
            + [Setting(.logging, "log_directory", layout.logDirectory, "On the system disk: a full log does not stop the database.")]
            + UserSettings.layer(userSettings)
    }

    /// The files of the configuration directory, without the certificates.
    /// - Throws: `input.invalid` with every fault; `template.invalid`.
    package func files(templates: Templates = Templates()) throws -> [RenderedFile] {
        let faults = faults
        guard faults.isEmpty else { throw Failure(.invalidInput, faults.joined(separator: "\n")) }
        let layers = Dictionary(grouping: settings, by: \.layer)
        let fixed = [
            try mainFile(templates),
            try HostBasedAccess.render(
                mode: networkMode, allowFrom: allowFrom, host: hostAddress, replicating: replicating, version: layout.version, templates: templates),
            RenderedFile(path: "pg_ident.conf", text: try templates.render("postgresql/pg_ident.conf", ["formatVersion": RenderedFile.formatVersion])),
        ]
        return try fixed + SettingLayer.allCases.map { try file(of: $0, layers[$0] ?? [], templates) }
    }

    private func mainFile(_ templates: Templates) throws -> RenderedFile {
        let values: [String: Any] = [
            "formatVersion": RenderedFile.formatVersion, "dataDirectory": ConfigurationValue(layout.dataDirectory).text,
            "hbaFile": ConfigurationValue(layout.accessFile).text, "identFile": ConfigurationValue(layout.identFile).text,
            "pidFile": ConfigurationValue(layout.pidFile).text,
        ]
        return RenderedFile(path: "postgresql.conf", text: try templates.render("postgresql/postgresql.conf", values))
    }

    private func file(of layer: SettingLayer, _ settings: [Setting], _ templates: Templates) throws -> RenderedFile {
        let values: [String: Any] = [
            "formatVersion": RenderedFile.formatVersion, "title": layer.title, "guest": guest,
            "settings": settings.map { setting -> [String: Any] in
                ["name": setting.name, "value": setting.quotedValue, "reason": setting.reason]
            },
        ]
        return RenderedFile(path: "conf.d/\(layer.rawValue).conf", text: try templates.render("postgresql/layer.conf", values))
    }

    private var guest: String {
        "'\(name)': \(size.vcpus) vCPU, \(size.memory) of memory, a data disk of \(size.dataDisk), profile \(profile.rawValue)"
    }

    private var identity: [Setting] {
        func setting(_ name: String, _ value: String, _ reason: String) -> Setting { Setting(.identity, name, value, reason) }
        var settings = [
            setting("cluster_name", name.rawValue, "Shown with each of its processes: ps and top name the appliance."),
            setting("listen_addresses", "*", "Every address of the guest; pg_hba.conf decides who gets in."),
            setting("port", "\(layout.port)", "PostgreSQL's own."),
            setting("unix_socket_directories", layout.socketDirectory, "Where Debian's programs look."),
            setting("password_encryption", "scram-sha-256", "The server keeps a verifier from which no password can be sent."),
            setting("ssl", "on", "pg_hba.conf lets nobody in over the network without."),
            setting("ssl_cert_file", layout.serverCertificate, "Issued by the appliance's own CA."),
            setting("ssl_key_file", layout.serverKey, "ECDSA P-256: channel binding does not work with Ed25519."),
            setting("ssl_min_protocol_version", "TLSv1.3", "Clients with OpenSSL 1.1.1 or Java 11 speak it; 1.2 only serves older ones."),
            setting("tcp_keepalives_idle", "60", "Notices clients that are gone, and frees their locks, in two minutes."),
            setting("tcp_keepalives_interval", "10", "See tcp_keepalives_idle."),
            setting("tcp_keepalives_count", "6", "See tcp_keepalives_idle."),
            setting("idle_in_transaction_session_timeout", profile.idleLimit, "A forgotten transaction holds locks and stops cleaning up."),
            setting("shared_preload_libraries", "pg_stat_statements", "Statistics of statements; loading it later needs a restart."),
            setting("timezone", timeZone, "From the spec."),
            setting("log_timezone", timeZone, "From the spec."),
            setting("lc_messages", "C.UTF-8", "Messages that can be searched for, whatever the locale."),
        ]
        settings += ["lc_monetary", "lc_numeric", "lc_time"].map { setting($0, locale, "From the spec.") }
        if layout.version >= 16 {
            settings.append(setting("reserved_connections", "2", "The checks of role pgkvm get in although every other connection is taken."))
        }
        return settings
    }
}

extension TuningPlan.Profile {
    fileprivate var idleLimit: String { self == .oltp || self == .web ? "10min" : "1h" }
}
