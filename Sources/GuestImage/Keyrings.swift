internal import HostSystem
internal import Quoting
internal import SystemPackage

/// The mirror's keyrings, where mmdebstrap reads them and where the guest finds them.
struct Keyrings: Sendable {
    struct Location: Sendable, Equatable {
        /// Paths on the host, separated by commas as in a line of sources.list.
        var onHost: String
        /// Paths in the guest, separated by spaces as in a deb822 stanza.
        var inGuest: String
    }

    let main: Location
    let security: Location

    /// Copies every keyring except Debian's own into the directory `keyrings` of the scratch directory. The guest has Debian's from its package.
    /// - Throws: `file.unreadable`, `file.unwritable`.
    init(mirror: DebianMirror, scratch: FilePath) throws {
        let directory = scratch.appending("keyrings")
        main = try Self.place(mirror.main.signedBy, name: "pgkvm-mirror", in: directory)
        security = try Self.place(mirror.security.signedBy, name: "pgkvm-security-mirror", in: directory)
    }

    private static let debian = "/usr/share/keyrings/debian-archive-keyring.gpg"

    private static func place(_ keys: SignedBy, name: String, in directory: FilePath) throws -> Location {
        switch keys {
        case .armoured(let key):
            let file = "\(name).asc"
            try Files.write(key, to: directory.appending(file), mode: .readableByAll)
            return Location(onHost: directory.appending(file).string, inGuest: "/usr/share/keyrings/\(file)")
        case .files(let files):
            let places = try files.enumerated().map { index, path -> (String, String) in
                if path.begins(with: "/usr/share/keyrings/debian-archive-") { return (path, debian) }
                let file = "\(name)-\(index)\(path.ends(with: ".asc") ? ".asc" : ".gpg")"
                try Files.write(try Files.read(FilePath(path)), to: directory.appending(file), mode: .readableByAll)
                return (directory.appending(file).string, "/usr/share/keyrings/\(file)")
            }
            return Location(onHost: places.map(\.0).joined(separator: ","), inGuest: places.map(\.1).joined(separator: " "))
        }
    }
}
