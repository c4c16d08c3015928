package import ApplianceModel
internal import Basics
internal import FoundationEssentials
internal import HostSystem
package import MachineBackend
internal import SystemPackage
internal import Workflow

/// The few facts that `list` shows, kept in a file of their own: reading a hundred journals would take too long.
package struct ApplianceCard: Codable, Sendable {
    static let currentFormat = 1

    package var formatVersion = ApplianceCard.currentFormat
    package let name: String
    package let machine: MachineReference?
    package let isVerified: Bool
    package let postgresqlVersion: Int?
    package let address: Endpoint?
    /// Why a change did not come true, or that one is under way; nil when there is none.
    package var change: String?

    /// Writes down what the journal says now.
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

    /// The card as it is on disk; nil where there is none, or a damaged one.
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

    /// The card of an appliance; where there is none, since its first run has not ended, or a damaged one, what the journal says.
    /// One that says nothing where the journal cannot be read either: the others are listed all the same, and `status` tells why.
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
    /// What the platform says: running, off, paused, unresponsive, absent; unknown where it cannot be asked.
    package let state: String
    /// deployed, incomplete, damaged where the journal cannot be used, or untrusted where another user could have written the files.
    package let deployment: String
    /// Why the last change did not come true, or that it is under way; nil when there is none.
    package let change: String?
    /// What PostgreSQL answers where its machine runs: accepting, starting, silent; nil elsewhere.
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
        // Each platform is asked at the same time: one that is slow to answer holds up no other.
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

    /// The line of an appliance that cannot be opened, nil for one that can: none hides the others, and `status` tells why. The journal is not read,
    /// unless there is no card beside it.
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

    /// The same with what each server answers. Those that do not are waited for at the same time.
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

    /// A platform that cannot be asked, such as a server that is down, hides no other appliance.
    private static func word(_ card: ApplianceCard, _ name: ApplianceName, _ environment: ApplianceEnvironment) async -> String {
        guard let machine = card.machine else { return PowerState.absent.word }
        do {
            return try await environment.backend(of: machine, name).powerState(of: machine).word
        } catch {
            return "unknown"
        }
    }
}
