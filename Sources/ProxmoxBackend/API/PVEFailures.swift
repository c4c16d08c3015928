internal import ApplianceModel
package import Basics
internal import Quoting

extension Failure.Code {
    /// The server cannot be reached, or the connection to it was cut.
    package static let proxmoxUnreachable = Failure.Code("proxmox.unreachable")
    /// Its certificate cannot be trusted: its authority is unknown, it has expired, or it is for another name.
    package static let proxmoxCertificate = Failure.Code("proxmox.certificate")
    /// Its certificate is not the pinned one.
    package static let proxmoxFingerprint = Failure.Code("proxmox.fingerprint")
    /// There is no token, or the server does not accept it.
    package static let proxmoxToken = Failure.Code("proxmox.token")
    /// The token was not made for this server, or does not name its server.
    package static let proxmoxTokenHost = Failure.Code("proxmox.token-host")
    /// The server was not contacted, because no other machine may be contacted.
    package static let proxmoxNotAsked = Failure.Code("proxmox.not-asked")
    /// The token lacks the required right.
    package static let proxmoxPermission = Failure.Code("proxmox.permission")
    /// The server refuses parameters.
    package static let proxmoxParameters = Failure.Code("proxmox.parameters")
    /// The server has stored a change, but the running machine will apply it only at its next stop.
    package static let proxmoxPending = Failure.Code("proxmox.pending")
    /// The server refuses the request and says why.
    package static let proxmoxRefused = Failure.Code("proxmox.refused")
    /// The program that answers is not Proxmox VE.
    package static let proxmoxNotProxmox = Failure.Code("proxmox.not-proxmox")
    /// A node of the cluster does not exist or does not answer.
    package static let proxmoxNode = Failure.Code("proxmox.node-unreachable")
    /// The machine is locked by another task, such as a backup.
    package static let proxmoxLocked = Failure.Code("proxmox.locked")
    /// A background task failed; the end of its log is in the message.
    package static let proxmoxTaskFailed = Failure.Code("proxmox.task-failed")
    /// A background task does not end.
    package static let proxmoxTaskEndless = Failure.Code("proxmox.task-endless")
}

extension Failure {
    /// Whether the failure is that there was no answer: the next request may be answered again.
    var isSilence: Bool { [.proxmoxUnreachable, .proxmoxNode].contains(code) }
}

extension PVEAnswer {
    /// The data that the server returned.
    /// - Throws: a failure that says what was requested, why the server refuses it, and what helps.
    func data(_ call: PVECall, token: PVEToken) throws -> JSONValue {
        if isSuccess {
            guard case .object(let members)? = json else { throw notProxmox(call) }
            return members["data"] ?? .null
        }
        throw failure(call, token: token)
    }

    func failure(_ call: PVECall, token: PVEToken) -> Failure {
        let asked = "'\(call.method.rawValue) \(call.path)'"
        switch status {
        case 401:
            return Failure(
                .proxmoxToken, "the server does not take the API token '\(token.identifier)': \(message.isEmpty ? "401" : message)",
                remedy: "look at it on a node: pveum user token list \(ShellWord.quoted(token.user)); "
                    + "a new one is made by: pveum user token add \(ShellWord.quoted(token.user)) TOKENID")
        case 403: return permissionFailure(call, token)
        case 400 where !faults.isEmpty && faults.allSatisfy({ ServerReason.hotplug.isGiven(in: $0.reason) }):
            return Failure(
                .proxmoxPending,
                "the change by \(asked) is pending: \(faults.map { "\($0.name): \($0.reason)" }.joined(separator: "; "))",
                remedy: "it gets in force with the machine's next stop and start: pgkvm restart NAME; on the node, 'qm pending VMID' shows it")
        case 400 where json != nil:
            let list = faults.map { "\($0.name): \($0.reason)" }.joined(separator: "; ")
            return Failure(
                .proxmoxParameters, "the server refuses \(asked): \(list.isEmpty ? message : list)",
                remedy: "change what the message names in the spec; when it is not in the spec, this server's version differs from those that pgkvm knows")
        case 595, 596, 599: return nodeFailure(asked)
        case 500 where ServerReason.unknownNode.isGiven(in: message): return nodeFailure(asked)
        case 500 where ServerReason.locked.isGiven(in: message):
            return Failure(
                .proxmoxLocked, "the server refuses \(asked): \(message)",
                remedy: "wait until that work has ended; when nothing runs any more: qm unlock VMID, on the machine's node")
        case _ where status >= 300 && status < 500 && json == nil: return notProxmox(call)
        default:
            return Failure(
                .proxmoxRefused, "the server refuses \(asked): \(message.isEmpty ? "status \(status)" : message)",
                remedy: "the text is the server's own; its journal has more: journalctl -u pveproxy -u pvedaemon")
        }
    }

    /// `Permission check failed (/vms/210, VM.Config.Disk)`; if the server does not name a right, the failure names what the call needs.
    private func permissionFailure(_ call: PVECall, _ token: PVEToken) -> Failure {
        var missing = call.permission
        if let named = message.firstMatch(of: /\((\/[^,()\s]*),\s*([A-Za-z.|,\s]+)\)/) {
            let privileges = named.2.split { "|, ".contains($0) }.map(String.init)
            if let first = privileges.first { missing = PVEPermission(path: String(named.1), privileges: named.2.holds("|") ? [first] : privileges) }
        }
        guard let missing else {
            return Failure(
                .proxmoxPermission, "the token '\(token.identifier)' has no right to '\(call.method.rawValue) \(call.path)': \(message)",
                remedy: "'pgkvm proxmox check' names every right that is missing")
        }
        return Failure(
            .proxmoxPermission,
            "the token '\(token.identifier)' has no right to '\(call.method.rawValue) \(call.path)': it needs \(missing.privileges.joined(separator: ", ")) on \(missing.grantPath)",
            remedy: "as root on a node: \(missing.grant(to: token))")
    }

    private func nodeFailure(_ asked: String) -> Failure {
        Failure(
            .proxmoxNode, "the node does not answer to \(asked): \(message.isEmpty ? "status \(status)" : message)",
            remedy: "is it on, and in the cluster? pvecm status; a machine under HA comes up again on another node by itself")
    }

    private func notProxmox(_ call: PVECall) -> Failure {
        Failure(
            .proxmoxNotProxmox, "whoever answers '\(call.method.rawValue) \(call.path)' is no Proxmox VE (status \(status) \(reason))",
            remedy: "'machine.proxmox.url' has to be https://HOST:8006, without a path")
    }
}
