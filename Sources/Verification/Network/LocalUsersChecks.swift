internal import ApplianceModel
internal import HostSystem
internal import Quoting
internal import Reports

/// Which other users of this host can reach the guest's ports: ports of 127.0.0.1 are open to every user of the host.
enum LocalUsersChecks {
    static let group = CheckGroup(name: .network, check: "network.local-users") { run, _ in
        guard run.target.spec.network.mode == .user, run.target.spec.machine.isOnThisHost else { return [] }
        let accounts = try await ProgramRunner.run("getent", ["passwd"])
        return [judge(LocalUser.parse(accounts.outputText), caller: HostEnvironment.userID)]
    }

    static func judge(_ users: [LocalUser], caller: UInt32) -> Finding {
        let others = users.filter { $0.canLogIn && $0.id != caller }
        let shown = others.prefix(5).map(\.name).joined(separator: ", ") + (others.count > 5 ? " and \(others.count - 5) more" : "")
        return Finding(
            check: "network.local-users", level: others.isEmpty ? .pass : .warn,
            measured: others.isEmpty
                ? "nobody else logs in here"
                : "the ports of 127.0.0.1 are open to all users of this host, also \(shown); a password or a key is all that stands before the guest",
            expected: "a host of which nobody else is a user",
            remedy: others.isEmpty
                ? nil
                : "keep the passwords strong, or reach the guest on a network of its own ('network.mode: bridge'); 'pgkvm forward' is a way in that is yours alone"
        )
    }
}

/// An account of this host.
struct LocalUser: Equatable {
    let name: String
    let id: UInt32
    let shell: String

    /// Accounts of ordinary users; service accounts have other numbers, or no shell.
    var canLogIn: Bool { (1_000..<60_000).contains(id) && !["nologin", "false", "sync"].contains(shell.split(at: "/").last.map(String.init) ?? "") }

    /// - Parameter text: lines of seven fields, as in passwd(5); an empty shell means sh.
    static func parse(_ text: String) -> [LocalUser] {
        text.utf8.split(separator: UInt8(ascii: "\n")).compactMap { line in
            let fields = line.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false).map { String(decoding: $0, as: UTF8.self) }
            guard fields.count == 7, let id = UInt32(fields[2]) else { return nil }
            return LocalUser(name: fields[0], id: id, shell: fields[6])
        }
    }
}
