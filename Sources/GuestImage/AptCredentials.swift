internal import HostSystem
internal import Quoting
internal import SystemPackage

/// The archives for which apt has a password. Only the machines of the entries are read.
struct AptCredentials: Sendable {
    /// As written: `[method://]host[:port][/path]`.
    let machines: [String]

    /// What apt's programs read when this user runs them: files that the user may not read do not count.
    init(_ places: HostApt.Places) {
        var files = [places.credentials].compactMap(\.self)
        if let directory = places.credentialParts {
            files += ((try? Files.list(directory)) ?? []).filter { $0.ends(with: ".conf") }.map { directory.appending($0) }
        }
        machines = files.flatMap { (try? Files.readIfPresent($0)).flatMap(\.self).map(Self.machines) ?? [] }
    }

    /// The words after `machine`.
    static func machines(in bytes: [UInt8]) -> [String] {
        let lines = bytes.split(separator: UInt8(ascii: "\n")).filter { $0.first != UInt8(ascii: "#") }
        let words = lines.flatMap { $0.split { $0 == 0x20 || (0x09...0x0D).contains($0) }.map { String(decoding: $0, as: UTF8.self) } }
        return zip(words, words.dropFirst()).filter { $0.0 == "machine" }.map(\.1)
    }

    /// Whether an entry applies to an archive. An entry without a method applies to encrypted connections.
    func cover(_ uri: AptURI) -> Bool {
        machines.contains { machine in
            let hasMethod = machine.utf8.indices.contains { machine.utf8[$0...].starts(with: "://".utf8) }
            let entry = AptURI(hasMethod ? machine : "https://\(machine)")
            guard entry.method == Self.plain(uri.method), entry.host == uri.host, entry.port == nil || entry.port == uri.port else { return false }
            return uri.path.utf8.starts(with: entry.path.utf8)
        }
    }

    /// `mirror+https` means https to the server that has the list.
    private static func plain(_ method: String) -> String {
        switch method {
        case "mirror", "mirror+http": "http"
        case "mirror+https": "https"
        default: method
        }
    }
}
