internal import Quoting

/// The files of `conf.d`, in the order in which the server reads them: a later one wins.
package enum SettingLayer: String, Sendable, CaseIterable {
    case identity = "10-identity"
    case memory = "20-memory"
    case wal = "30-wal"
    case planner = "40-planner"
    case logging = "50-logging"
    case autovacuum = "60-autovacuum"
    case spec = "90-spec"

    var title: String {
        switch self {
        case .identity: "Who the server is, how it is reached and what it always loads."
        case .memory: "Connections and memory, from the guest's memory and the profile."
        case .wal: "The write-ahead log, from the size of the data disk and the profile."
        case .planner: "Costs and parallel queries, from the guest's CPUs and the profile."
        case .logging: "What the server writes down, on the system disk."
        case .autovacuum: "Cleaning up in the background."
        case .spec: "From the spec: postgresql.settings. These win over every other file."
        }
    }
}

/// One line of the configuration, with the reason for it.
package struct Setting: Sendable, Equatable {
    package let layer: SettingLayer
    package let name: String
    /// As a person would write it, without quotes: `512MB`, `on`, `%m [%p] `.
    package let value: String
    package let reason: String

    package init(_ layer: SettingLayer, _ name: String, _ value: String, _ reason: String) {
        self.layer = layer
        self.name = name
        self.value = value
        self.reason = reason
    }

    /// The value as written in the file.
    var quotedValue: String { ConfigurationValue(value).text }
}

extension [Setting] {
    /// The settings that must be in force once the server runs: the last one of each name, by name.
    package var effective: [String: String] { Dictionary(map { ($0.name, $0.value) }) { _, later in later } }
}
