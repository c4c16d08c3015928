package import ApplianceModel
internal import Basics
internal import FoundationEssentials
internal import HostSystem
package import MachineBackend
internal import Quoting
internal import SystemPackage

/// The content of `autostart.json`: a decision that is made once, so that a later deployment does not make it again.
struct StoredAutostart: Codable {
    static let currentFormat = 1

    var formatVersion = StoredAutostart.currentFormat
    let isOn: Bool

    /// Nil if nothing was decided.
    /// - Throws: `format.newer`; `file.unreadable` for a damaged file.
    static func load(_ directory: ApplianceDirectory) throws -> Bool? {
        guard let bytes = try Files.readRegularIfPresent(directory.autostart) else { return nil }
        do {
            return try VersionedJSON.decode(StoredAutostart.self, bytes, supported: currentFormat, file: directory.autostart.string).isOn
        } catch let error as DecodingError {
            throw Failure(.fileUnreadable, "'\(directory.autostart)' is damaged", remedy: "remove it, then 'pgkvm autostart' again", cause: error)
        }
    }

    static func save(_ isOn: Bool, in directory: ApplianceDirectory) throws {
        try Files.write(Array(JSONEncoder().encode(StoredAutostart(isOn: isOn))), to: directory.autostart)
    }
}

/// What `autostart` shows. Its JSON keys are API.
package struct AutostartSummary: Codable, Sendable {
    package let name: String
    package let isOn: Bool
    /// The unit that starts the appliance.
    package let unit: String?
    /// Why this host cannot start appliances, and what to do about it.
    package let reason: String?
    package let remedy: String?

    package init(name: ApplianceName, _ autostart: Autostart) {
        self.name = name.rawValue
        switch autostart {
        case .on(let unit): (isOn, self.unit, reason, remedy) = (true, unit, nil, nil)
        case .off: (isOn, unit, reason, remedy) = (false, nil, nil, nil)
        case .unavailable(let reason, let remedy): (isOn, unit, self.reason, self.remedy) = (false, nil, reason, remedy)
        }
    }

    package var text: String {
        if let unit { return "on: '\(name)' starts with this host (\(unit))" }
        guard let reason else { return "off: '\(name)' does not start with this host" }
        return "off: '\(name)' does not start with this host, since \(reason)\n  try: \(remedy ?? "")"
    }
}

extension Appliance {
    /// Whether the host starts the appliance.
    /// - Throws: `unsupported`, `machine.not-found`.
    package func autostart() async throws -> Autostart {
        try await context.backend.autostart(of: existingMachine())
    }

    /// Turns autostart on or off. Later deployments keep this decision.
    /// - Throws: `autostart.unavailable`, `autostart.taken`, `appliance.busy`, `unsupported`.
    package func setAutostart(_ isOn: Bool) async throws {
        try await exclusively { appliance in
            try await appliance.context.backend.setAutostart(isOn, of: appliance.existingMachine())
            try StoredAutostart.save(isOn, in: appliance.directory)
        }
    }

    /// The platform, if its host starts machines through a service that can be queried.
    var hostStarting: (any HostStarting)? { context.backend.capabilities.hostStart }

    /// The progress of the host's own start of the machine, in words; nil if there is nothing to report. If the host cannot be queried, the text says
    /// so.
    func hostStart() async throws -> String? {
        guard let machine = try await machine(), let provider = hostStarting else { return nil }
        do {
            return try await provider.hostStart(of: machine)?.text
        } catch let error as Failure {
            return "cannot be told: \(error.message)"
        }
    }

    private func existingMachine() async throws -> MachineReference {
        guard let machine = try await machine() else {
            throw Failure(.machineNotFound, "the machine of '\(name)' is not there yet", remedy: "pgkvm deploy \(ShellWord.quoted(directory.spec.string))")
        }
        return machine
    }
}

extension HostStart {
    /// What `status` shows.
    var text: String {
        switch self {
        case .underWay(let doing): "under way" + (doing.map { ": \($0)" } ?? "")
        case .failing(let reason): "failed, and is tried again" + (reason.map { ": \($0)" } ?? "")
        case .failed(let reason, let remedy): "failed, and is not tried again" + (reason.map { ": \($0)" } ?? "") + "; try: \(remedy)"
        }
    }
}

extension DeploymentContext {
    /// Turns autostart on for a new appliance if the host supports it. It stays on until the user decides otherwise.
    /// - Returns: why it is not on although it should be; nil if all is well.
    func startWithHostByDefault() async throws -> String? {
        guard try StoredAutostart.load(directory) == nil else { return nil }
        let machine = try await machine()
        switch try await backend.autostart(of: machine) {
        case .unavailable: return nil
        case .on: break
        case .off:
            do {
                try await backend.setAutostart(true, of: machine)
            } catch let failure as Failure {
                return "'\(spec.name)' does not start with this host: \(failure.message)" + (failure.remedy.map { "; \($0)" } ?? "")
            }
        }
        try StoredAutostart.save(true, in: directory)
        return nil
    }
}
