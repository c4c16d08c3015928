internal import Quoting
package import SystemPackage

/// One request to the API of Proxmox VE: complete, and a value.
package struct PVECall: Sendable, Equatable {
    package enum Method: String, Sendable { case get = "GET", post = "POST", put = "PUT", delete = "DELETE" }

    package struct Parameter: Sendable, Equatable {
        package let name: String
        package let value: String
    }

    /// A file that goes along, as the part `filename` behind the parameters.
    package struct Upload: Sendable, Equatable {
        package let file: FilePath
        package let name: String
    }

    package let method: Method
    /// Of the path below `/api2/json`, not encoded.
    package let segments: [String]
    /// In the order in which they are sent.
    package var parameters: [Parameter]
    package var upload: Upload?
    /// The right that it needs: what to grant when the server only says that one is missing.
    let permission: PVEPermission?
    /// The line of `qm` or of another program of the node that does the same; nil where `pvesh` alone does.
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

    /// Each segment encoded by itself: a task's identifier has `:`, `@` and `!`, a volume's a `/`.
    var encodedPath: String { "/" + segments.map { URIPart($0).text }.joined(separator: "/") }

    /// The parameters as a query or as a form.
    var encodedParameters: String { URIPart.query(parameters.map { (name: $0.name, value: $0.value) }) }
}

/// A right in Proxmox VE: privileges on a path of its tree.
struct PVEPermission: Sendable, Equatable {
    let path: String
    /// Each of them is needed.
    let privileges: [String]

    init(_ path: String, _ privileges: String...) {
        self.path = path
        self.privileges = privileges
    }

    init(path: String, privileges: [String]) {
        self.path = path
        self.privileges = privileges
    }

    /// Where to grant: an entry for one machine would go with the machine.
    var grantPath: String { path.wholeMatch(of: /\/vms\/\d+/) == nil ? path : "/vms" }

    /// The line that grants it, to be typed on a node as root. A token with separated privileges needs them as its user does.
    func grant(to token: PVEToken) -> String {
        let role = "pgkvm-" + privileges.joined(separator: "-")
        let user = token.user == "root@pam" ? "" : " --users '\(token.user)'"
        return "pveum role add \(role) --privs '\(privileges.joined(separator: " "))'; "
            + "pveum acl modify \(grantPath)\(user) --tokens '\(token.identifier)' --roles \(role)"
    }
}
