internal import ApplianceModel
package import Basics
internal import Glibc
internal import Quoting
package import SystemPackage

/// Whether other users could change what a path leads to. The rules are those that sshd's StrictModes applies to the path of `authorized_keys`.
///
/// Every directory from the root to the path has to belong to root or to this user and must not be writable by others, and every symbolic
/// link on the way has to belong to one of the two. There are two differences from sshd. A directory that belongs to root and is writable by
/// others is accepted with the sticky bit (`/tmp`, `/var/tmp`): others can neither rename nor remove this user's entries there, and the next
/// component is checked itself. A group with no member but this user, as distributions make for each account, counts as the user.
package enum PathTrust {
    /// Checks the part of a path that exists.
    /// - Throws: `state.untrusted` with the command that helps; `file.unreadable` for a path of endless links.
    package static func check(_ path: FilePath) throws {
        var rest = Array(path.components)
        var current: FilePath = "/"
        var links = 0
        try judge(current)
        while !rest.isEmpty {
            let component = rest.removeFirst()
            if component.kind == .currentDirectory { continue }
            if component.kind == .parentDirectory {
                current.removeLastComponent()
                continue
            }
            let next = current.appending(component)
            guard let status = Files.status(next, followLinks: false) else { return }
            guard status.isSymbolicLink else {
                try judge(next, status)
                current = next
                continue
            }
            links += 1
            guard links <= 40 else { throw Failure(.fileUnreadable, "'\(path)' has too many symbolic links") }
            try judgeOwner(next, status)
            let target = try Files.linkTarget(next)
            if target.isAbsolute { current = "/" }
            rest = Array(target.components) + rest
        }
    }

    /// Checks one entry whose directory has already been checked. It is not an error when there is none.
    /// - Throws: `state.untrusted`.
    package static func checkEntry(_ path: FilePath) throws {
        guard let status = Files.status(path, followLinks: false) else { return }
        try judge(path, status)
    }

    private static func judge(_ directory: FilePath) throws {
        guard let status = Files.status(directory, followLinks: false) else { return }
        try judge(directory, status)
    }

    private static func judge(_ path: FilePath, _ status: FileStatus) throws {
        try judgeOwner(path, status)
        // The mode of a link has no meaning.
        guard !status.isSymbolicLink else { return }
        let writers = status.permissions & 0o022
        guard writers != 0 else { return }
        if status.isDirectory, status.permissions & 0o1000 != 0, status.owner == 0 { return }
        if writers == 0o020, isOwnGroup(status.group) { return }
        let letters = writers == 0o020 ? "g" : writers == 0o002 ? "o" : "go"
        throw Failure(
            .stateUntrusted, "'\(path)' can be written by other users, who could exchange what pgkvm believes of its appliances",
            remedy: "chmod \(letters)-w \(ShellWord.quoted(path.string))")
    }

    private static func judgeOwner(_ path: FilePath, _ status: FileStatus) throws {
        guard status.owner != 0, status.owner != HostEnvironment.userID else { return }
        throw Failure(
            .stateUntrusted,
            "'\(path)' belongs to the user \(status.owner), neither to root nor to the user that runs pgkvm (\(HostEnvironment.userID)): its owner could exchange "
                + "what pgkvm believes of its appliances",
            remedy:
                "run pgkvm as that user, name another state directory in PGKVM_HOME, or, once you have seen what is in it: chown -h \(HostEnvironment.userID) \(ShellWord.quoted(path.string))"
        )
    }

    /// Whether a group belongs to this user alone: the user's primary group, with the user's name and no other member.
    private static func isOwnGroup(_ group: UInt32) -> Bool {
        guard let user = account(), user.group == group, let members = members(of: group) else { return false }
        return members.name == user.name && members.names.allSatisfy { $0 == user.name }
    }

    private static func account() -> (name: String, group: UInt32)? {
        var entry = unsafe passwd()
        var found: UnsafeMutablePointer<passwd>?
        var buffer = [CChar](repeating: 0, count: 16_384)
        guard unsafe getpwuid_r(geteuid(), &entry, &buffer, buffer.count, &found) == 0, unsafe found != nil, let name = unsafe entry.pw_name else { return nil }
        return (unsafe String(cString: name), unsafe entry.pw_gid)
    }

    private static func members(of group: UInt32) -> (name: String, names: [String])? {
        var entry = unsafe Glibc.group()
        var found: UnsafeMutablePointer<Glibc.group>?
        var buffer = [CChar](repeating: 0, count: 65_536)
        guard unsafe getgrgid_r(group, &entry, &buffer, buffer.count, &found) == 0, unsafe found != nil, let name = unsafe entry.gr_name else { return nil }
        var names: [String] = []
        if var member = unsafe entry.gr_mem {
            while let text = unsafe member.pointee {
                unsafe names.append(String(cString: text))
                unsafe member += 1
            }
        }
        return (unsafe String(cString: name), names)
    }
}

extension Failure.Code {
    /// Other users could change the state directory.
    package static let stateUntrusted = Failure.Code("state.untrusted")
}
