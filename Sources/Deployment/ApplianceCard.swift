package import ApplianceModel
internal import Basics
internal import FoundationEssentials
internal import HostSystem
package import MachineBackend
internal import SystemPackage
internal import Workflow

/// The few facts that `list` shows. They are in a separate file, because reading a hundred journals would take too long.
package struct ApplianceCard: Codable, Sendable {
    static let currentFormat = 1

    package var formatVersion = ApplianceCard.currentFormat
    package let name: String
    package let machine: MachineReference?
    package let isVerified: Bool
    package let postgresqlVersion: Int?
    package let address: Endpoint?
    /// Why a change failed, or that one is under way; nil if there is none.
    package var change: String?

    /// Updates the card from the journal.
    static func update(_ context: DeploymentContext) async throws {
        try Files.write(Array(JSONEncoder().encode(await of(context))), to: context.directory.card)
    }

    private static func of(_ context: DeploymentContext) async throws -> ApplianceCard {
        let network = try await context.journal.fact(NetworkFact.self)?.decision
        return ApplianceCard(
            name: context.spec.name.rawValue, machine: try await context.journal.fact(MachineFact.self)?.reference,
            isVerified: try await context.journal.fact(VerifiedFact.self) != nil,
            postgresqlVersion: try await context.journal.fact(PackagesFact.self)?.version,
            address: network?.endpoint(.postgresql), change: try await context.pendingChange())
    }

    /// The card as it is on disk; nil if it is missing or damaged.
    /// - Throws: `format.newer`, `file.unreadable`.
    static func read(_ name: ApplianceName, in environment: ApplianceEnvironment) throws -> ApplianceCard? {
        let path = environment.state.appliance(name).card
        guard let bytes = try Files.readRegularIfPresent(path) else { return nil }
        do {
            return try VersionedJSON.decode(ApplianceCard.self, bytes, supported: currentFormat, file: path.string)
        } catch is DecodingError {
            return nil
        }
    }

    /// The card of an appliance. It is made from the journal if the card is damaged, or missing because the first run has not ended. If the journal
    /// cannot be read either, the card is empty: the other appliances are still listed, and `status` reports the reason.
    /// - Throws: `format.newer`, `file.unreadable`.
    static func load(_ name: ApplianceName, in environment: ApplianceEnvironment) async throws -> ApplianceCard {
        if let card = try read(name, in: environment) { return card }
        guard let card = try? await of(Appliance.open(name.rawValue, in: environment).context) else {
            return ApplianceCard(name: name.rawValue, machine: nil, isVerified: false, postgresqlVersion: nil, address: nil)
        }
        return card
    }
}

/// A line of `list`. Its JSON keys are API.
package struct ApplianceListing: Codable, Sendable {
    package let name: String
    /// The state that the platform reports: running, off, paused, unresponsive, absent; unknown if the platform cannot be queried.
    package let state: String
    /// deployed, incomplete, damaged if the journal cannot be used, or untrusted if another user could have written the files.
    package let deployment: String
    /// Why the last change failed, or that it is under way; nil if there is none.
    package let change: String?
    /// PostgreSQL's answer while its machine runs: accepting, starting, silent; nil otherwise.
    package fileprivate(set) var server: String?
    package let postgresqlVersion: Int?
    package let postgresql: Endpoint?

    package static func all(in environment: ApplianceEnvironment) async throws -> [ApplianceListing] {
        var cards: [(Int, ApplianceName, ApplianceCard)] = []
        var listings: [(Int, ApplianceListing)] = []
        for (index, name) in try environment.names().enumerated() {
            if let listing = await unusable(name, environment) {
                listings.append((index, listing))
            } else {
                cards.append((index, name, try await ApplianceCard.load(name, in: environment)))
            }
        }
        // All platforms are queried at the same time, so that a slow one does not delay the others.
        listings += await withTaskGroup(of: (Int, ApplianceListing).self) { group in
            for (index, name, card) in cards {
                group.addTask {
                    let state = await word(card, name, environment)
                    let listing = ApplianceListing(
                        name: card.name, state: state, deployment: card.isVerified ? "deployed" : "incomplete", change: card.change, server: nil,
                        postgresqlVersion: card.postgresqlVersion, postgresql: card.address)
                    return (index, listing)
                }
            }
            return await group.reduce(into: []) { $0.append($1) }
        }
        return await withServers(listings.sorted { $0.0 < $1.0 }.map(\.1))
    }

    /// The line of an appliance that cannot be opened; nil for one that can. Such an appliance does not hide the others, and `status` reports the
    /// reason. The journal is read only if there is no card beside it.
    private static func unusable(_ name: ApplianceName, _ environment: ApplianceEnvironment) async -> ApplianceListing? {
        func line(_ state: String, _ deployment: String, _ card: ApplianceCard? = nil) -> ApplianceListing {
            ApplianceListing(
                name: name.rawValue, state: state, deployment: deployment, change: nil, server: nil, postgresqlVersion: card?.postgresqlVersion,
                postgresql: card?.address)
        }
        let directory = environment.state.appliance(name)
        do {
            try environment.checkTrust(name)
        } catch {
            return line("unknown", "untrusted")
        }
        guard !Files.exists(directory.card) || JournalWitness(directory: directory).isObviouslyDamaged else { return nil }
        guard let damaged = try? DamagedAppliance(name.rawValue, in: environment) else { return nil }
        return line((try? await damaged.powerState().word) ?? "unknown", ApplianceSummary.damagedWord, damaged.card)
    }

    /// The same listings with the answer of each server. Servers that do not answer are waited for at the same time.
    private static func withServers(_ listings: [ApplianceListing]) async -> [ApplianceListing] {
        await withTaskGroup(of: (Int, String).self) { group in
            for (index, listing) in listings.enumerated() where listing.state == PowerState.running.word && listing.postgresqlVersion != nil {
                guard let endpoint = listing.postgresql else { continue }
                group.addTask { (index, await ServerPresence.word(at: endpoint)) }
            }
            var listings = listings
            for await (index, word) in group { listings[index].server = word }
            return listings
        }
    }

    /// If a platform cannot be queried, for example because its server is down, the other appliances are still listed.
    private static func word(_ card: ApplianceCard, _ name: ApplianceName, _ environment: ApplianceEnvironment) async -> String {
        guard let machine = card.machine else { return PowerState.absent.word }
        do {
            return try await environment.backend(of: machine, name).powerState(of: machine).word
        } catch {
            return "unknown"
        }
    }
}
