internal import ApplianceModel
internal import HostSystem
internal import Quoting

/// How the host treats an ordinary user's machines when it shuts down: the system's systemd ends the user's own after a while, whatever that one
/// is waiting for.
struct UserShutdown: Sendable, Equatable {
    static let needed = MachineStop.grace + .seconds(30)

    let userID: UInt32
    /// The time until everything of the user is killed; nil for no limit.
    let limit: Duration?
    /// Whether the network stays up until then.
    let keepsNetwork: Bool

    /// Reads it from the output of `systemctl show` for the user's manager; nil when that cannot be understood.
    init?(_ shown: [String: String], userID: UInt32) {
        guard let text = shown["TimeoutStopUSec"], let after = shown["After"] else { return nil }
        if text == "infinity" {
            limit = nil
        } else {
            guard let limit = Self.duration(text) else { return nil }
            self.limit = limit
        }
        keepsNetwork = after.split(at: " ").contains("network.target")
        self.userID = userID
    }

    /// Asks systemd; nil where systemd does not supervise this user's machines.
    static func current() async throws -> UserShutdown? {
        guard !HostEnvironment.isRoot, SystemdManager.isAvailable else { return nil }
        let userID = HostEnvironment.userID
        return UserShutdown(try await SystemdManager(isRoot: true).show("user@\(userID).service", ["TimeoutStopUSec", "After"]), userID: userID)
    }

    /// A warning where a shutdown of the host may cut the guest's power.
    var finding: Finding? {
        let isLong = limit.map { $0 >= Self.needed } ?? true
        guard !isLong || !keepsNetwork else { return nil }
        let faults = [
            isLong ? nil : "everything of this user is killed \(limit?.components.seconds ?? 0) s after the host begins to shut down",
            keepsNetwork ? nil : "the network may go before the guest",
        ]
        let seconds = Self.needed.components.seconds
        let directory = "/etc/systemd/system/user@\(userID).service.d"
        return Finding(
            check: "host.shutdown", level: .warn, measured: faults.compactMap(\.self).joined(separator: ", and "),
            expected: "\(seconds) s in which a guest can shut down, with its network",
            remedy: "sudo mkdir -p \(directory) && "
                + #"printf '[Unit]\nAfter=network.target\n[Service]\nTimeoutStopSec=\#(seconds)\n' | "#
                + "sudo tee \(directory)/pgkvm.conf && sudo systemctl daemon-reload")
    }

    /// A time as systemd shows it: `2min`, `1min 30s`, `5min 30s 250ms`.
    static func duration(_ text: String) -> Duration? {
        let units: [(name: String, microseconds: Int64)] = [
            ("us", 1), ("ms", 1000), ("min", 60_000_000), ("month", 2_629_800_000_000), ("s", 1_000_000), ("h", 3_600_000_000), ("d", 86_400_000_000),
            ("w", 604_800_000_000), ("y", 31_557_600_000_000),
        ]
        let words = text.split(at: " ")
        var total = Duration.zero
        for word in words {
            guard let unit = units.first(where: { unit in word.drop(while: \.isNumber) == unit.name }), let count = Int64(word.prefix(while: \.isNumber)) else {
                return nil
            }
            let (product, isTooLong) = count.multipliedReportingOverflow(by: unit.microseconds)
            guard !isTooLong else { return nil }
            total += .microseconds(product)
        }
        return words.isEmpty ? nil : total
    }
}
