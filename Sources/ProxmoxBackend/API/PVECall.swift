internal import Quoting
package import SystemPackage

/// One request to the API of Proxmox VE: complete, and a value type.
package struct PVECall: Sendable, Equatable {
    package enum Method: String, Sendable { case get = "GET", post = "POST", put = "PUT", delete = "DELETE" }

    package struct Parameter: Sendable, Equatable {
        package let name: String
        package let value: String
    }

    /// A file to send, as the part `filename` after the parameters.
    package struct Upload: Sendable, Equatable {
        package let file: FilePath
        package let name: String
    }

    package let method: Method
    /// The segments of the path below `/api2/json`, not encoded.
    package let segments: [String]
    /// In the order in which they are sent.
    package var parameters: [Parameter]
    package var upload: Upload?
    /// The right that the call needs: it says what to grant when the server only reports that a right is missing.
    let permission: PVEPermission?
    /// The command line of `qm` or another program on the node that does the same; nil where only `pvesh` can.
    var command: String?

    init(
        _ method: Method, _ segments: [String], _ parameters: KeyValuePairs<String, String> = [:], upload: Upload? = nil,
        permission: PVEPermission? = nil, command: String? = nil
    ) {
        self.method = method
        self.segments = segments
        self.parameters = parameters.map { Parameter(name: $0.key, value: $0.value) }
        self.upload = upload
        self.permission = permission
        self.command = command
    }

    /// The path below `/api2/json`, for people.
    package var path: String { "/" + segments.joined(separator: "/") }

    /// Each segment is encoded separately: a task's identifier contains `:`, `@` and `!`, a volume's a `/`.
    var encodedPath: String { "/" + segments.map { URIPart($0).text }.joined(separator: "/") }

    /// The parameters encoded as a query or as a form.
    var encodedParameters: String { URIPart.query(parameters.map { (name: $0.name, value: $0.value) }) }
}

/// A right in Proxmox VE: privileges on a path of its tree.
struct PVEPermission: Sendable, Equatable {
    let path: String
    /// All of them are needed.
    let privileges: [String]

    init(_ path: String, _ privileges: String...) {
        self.path = path
        self.privileges = privileges
    }

    init(path: String, privileges: [String]) {
        self.path = path
        self.privileges = privileges
    }

    /// The path on which to grant: an entry for one machine would be removed with the machine.
    var grantPath: String { path.wholeMatch(of: /\/vms\/\d+/) == nil ? path : "/vms" }

    /// The command that grants it, for root on a node. A token with separated privileges needs them, and so does its user.
    func grant(to token: PVEToken) -> String {
        let role = "pgkvm-" + privileges.joined(separator: "-")
        let user = token.user == "root@pam" ? "" : " --users '\(token.user)'"
        return "pveum role add \(role) --privs '\(privileges.joined(separator: " "))'; "
            + "pveum acl modify \(grantPath)\(user) --tokens '\(token.identifier)' --roles \(role)"
    }
}
