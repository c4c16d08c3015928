/// What pgbench prints at the end of one run.
package struct PgbenchReport: Equatable {
    /// Why an output is not accepted.
    package struct Damage: Error, CustomStringConvertible, Equatable {
        package let description: String

        package init(description: String) { self.description = description }
    }

    /// Without the time for connecting.
    package let transactionsPerSecond: Double
    package let transactions: Int

    /// - Parameter seconds: the requested duration of the run.
    /// - Throws: `Damage` for an output that is cut off, contradicts itself or reports failed transactions.
    package init(_ text: String, seconds: Int) throws {
        func value(_ label: String) -> Substring? {
            text.split(whereSeparator: \.isNewline).first { $0.hasPrefix(label) }?.dropFirst(label.count)
        }
        func number(_ label: String) -> Substring? { value(label)?.drop { $0 == " " }.prefix { $0 != " " && $0 != "/" } }

        guard let tps = number("tps =").flatMap({ Double($0) }), let count = number("number of transactions actually processed:").flatMap({ Int($0) }),
            let duration = number("duration:").flatMap({ Int($0) })
        else { throw Damage(description: "pgbench did not finish: \(text.split(whereSeparator: \.isNewline).last ?? "it printed nothing")") }
        // Not printed before version 15, in which a failed transaction ends the run.
        let failed = number("number of failed transactions:").map { Int($0) } ?? 0
        guard failed == 0 else { throw Damage(description: "pgbench tells of failed transactions") }
        guard duration == seconds else { throw Damage(description: "pgbench ran for \(duration) s and not for \(seconds) s") }
        guard count > 0, tps.isFinite, tps > 0 else { throw Damage(description: "pgbench processed no transaction") }
        // The last transaction may end late, and connecting takes time too. The limits of half and twice allow for a slow machine.
        let expected = tps * Double(seconds)
        guard Double(count) >= expected / 2 - 2, Double(count) <= expected * 2 + 2 else {
            throw Damage(description: "pgbench contradicts itself: \(count) transactions in \(seconds) s are not \(tps) a second")
        }
        transactionsPerSecond = tps
        transactions = count
    }
}
