package import ApplianceModel

/// A value in which two specs differ, and what the difference means for an appliance that was made from the first.
package struct SpecChange: Sendable, Equatable {
    /// The key of `SpecKeys`.
    package let key: String
    /// Which value of the key: `machine.memory`, `postgresql.settings.work_mem`, `postgresql.roles 'app'`.
    package let path: String
    /// The value of the first spec in words; `none` if it has none.
    package let before: String
    /// The value of the second spec, in the same words.
    package let after: String
    /// The effect on the appliance.
    package let effect: Effect

    /// What a change means for an existing appliance, according to the rule of its key (`SpecChangeRule`).
    package enum Effect: Sendable, Equatable {
        /// It is made while everything runs.
        case inPlace
        /// The machine is shut down and started.
        case restart
        /// No part of the appliance is made from it.
        case expectation
        /// It is impossible, for this reason.
        case impossible(String)
    }

    /// `machine.memory: 2GiB → 4GiB`.
    package var text: String { "\(path): \(before) → \(after)" }
}

/// Finds the values in which two specs differ.
package enum SpecDifference {
    /// One change for each difference, in the order of the file; empty if the specs are equal. The order of roles and databases does not matter.
    package static func changes(_ old: ApplianceSpec, _ new: ApplianceSpec) -> [SpecChange] {
        let before = Dictionary(grouping: ApplianceSpec.compared(old), by: \.key)
        let after = Dictionary(grouping: ApplianceSpec.compared(new), by: \.key)
        return SpecKeys.all.flatMap { changes(of: $0, before[$0.path] ?? [], after[$0.path] ?? []) }
    }

    private static func changes(of key: SpecKey, _ before: [SpecValue], _ after: [SpecValue]) -> [SpecChange] {
        let olds = Dictionary(before.map { ($0.path, $0) }, uniquingKeysWith: { first, _ in first })
        let news = Dictionary(after.map { ($0.path, $0) }, uniquingKeysWith: { first, _ in first })
        let paths = before.map(\.path) + after.map(\.path).filter { olds[$0] == nil }
        return paths.compactMap { path in
            let (old, new) = (olds[path], news[path])
            guard old?.text != new?.text else { return nil }
            return SpecChange(key: key.path, path: path, before: old?.text ?? "none", after: new?.text ?? "none", effect: effect(key.change, old, new))
        }
    }

    /// The path of a change of a role.
    package static func path(ofRole name: String) -> String { "postgresql.roles \(SpecRules.shown(name))" }

    /// The path of a change of a database.
    package static func path(ofDatabase name: String) -> String { "postgresql.databases \(SpecRules.shown(name))" }

    private static func effect(_ rule: SpecChangeRule, _ old: SpecValue?, _ new: SpecValue?) -> SpecChange.Effect {
        switch rule {
        case .inPlace: .inPlace
        case .restart: .restart
        case .expectation: .expectation
        case .onlyGrows(let reason):
            if let before = old?.size, let after = new?.size, before < after { .inPlace } else { .impossible(reason) }
        case .onlyAdds(let reason):
            if let new, old.map({ $0.owner == new.owner && $0.parts.isSubset(of: new.parts) }) ?? true { .inPlace } else { .impossible(reason) }
        case .fixed(let reason): .impossible(reason)
        case .byItsKeys: .impossible("it is not known how")
        }
    }
}
