/// An archive of Debian packages: how the build and the guest reach it, and the keys that sign it.
struct DebianArchive: Equatable, Sendable {
    /// The address as configured in the host's apt.
    var uri: String
    var signedBy: SignedBy
    /// How long its release files are valid, by the field names of a stanza.
    var dateOptions: [String: String] = [:]
    /// The content of the file that a `mirror+file:` address names.
    var mirrorList: String?

    /// The text between the brackets of a line for mmdebstrap.
    func options(keys: String) -> String {
        (["signed-by=\(keys)"] + dateOptions.sorted { $0.key < $1.key }.map { "\($0.key.lowercased())=\($0.value)" }).joined(separator: " ")
    }

    /// Lines for the guest's stanza.
    var guestFields: String { dateOptions.sorted { $0.key < $1.key }.map { "\($0.key): \($0.value)\n" }.joined() }
}

/// The archives that the host's own Debian comes from; the image's packages come from the same archives.
struct DebianMirror: Equatable, Sendable {
    var main: DebianArchive
    var security: DebianArchive
    /// How the host's apt reaches them, as a configuration file for the build's apt.
    var fetchOptions: String = ""
    /// The files that the guest needs to reach them too, by absolute path.
    var guestFiles: [String: String] = [:]

    static let importRemedy = "import an image instead: pgkvm image import FILE-OR-URL --checksum sha256:…"

    /// The address through which the guest reaches an archive. The image contains the list of mirrors.
    static func guestURI(_ archive: DebianArchive, list: String) -> String { archive.mirrorList == nil ? archive.uri : "mirror+file:\(list)" }
    static let mainList = "/etc/apt/mirrors/pgkvm-main.list"
    static let securityList = "/etc/apt/mirrors/pgkvm-security.list"

    /// Everything that is put into the guest besides its sources.
    var filesOfGuest: [String: String] {
        var files = guestFiles
        if let list = main.mirrorList { files[Self.mainList] = list }
        if let list = security.mirrorList { files[Self.securityList] = list }
        return files
    }
}
