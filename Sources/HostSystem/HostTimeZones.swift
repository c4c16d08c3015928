internal import ApplianceModel
internal import Basics
internal import Quoting
package import SystemPackage

/// The time zones of this host, which most guests also have.
package enum HostTimeZones {
    package static let directory: FilePath = "/usr/share/zoneinfo"

    /// Why a well-formed name is probably not a time zone; nil when this host has the zone, or has no list of zones.
    ///
    /// The file `tzdata.zi` also names old zones, whose files may be in another package on a host, or missing.
    package static func concern(_ name: String, in directory: FilePath = directory) -> String? {
        guard let bytes = try? Files.read(directory.appending("tzdata.zi"), from: 0, limit: 1 << 20) else { return nil }
        let names = names(String(decoding: bytes, as: UTF8.self))
        guard !names.isEmpty, !Set(names.map { $0.lowercased() }).contains(name.lowercased()), !Files.exists(directory.appending(name)) else { return nil }
        return "\(SpecRules.shown(name)) is not among the time zones of this host; the guest's PostgreSQL decides" + Suggestion.text(for: name, among: names)
    }

    /// `Z NAME …` begins a zone, and `L ZONE NAME` adds another name for it.
    private static func names(_ text: String) -> [String] {
        text.split(at: "\n").compactMap { line in
            let words = line.split(at: " ", maxSplits: 3)
            switch words.first {
            case "Z" where words.count > 1: return String(words[1])
            case "L" where words.count > 2: return String(words[2])
            default: return nil
            }
        }
    }
}
