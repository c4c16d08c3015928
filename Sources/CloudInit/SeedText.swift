internal import ApplianceModel
internal import Basics
internal import Mustache
internal import Quoting

/// The formats of the texts in a seed.
enum SeedText {
    static func render(_ template: String, name: String, _ values: [String: Any]) throws -> String {
        do {
            return try MustacheTemplate(string: template).render(values)
        } catch {
            throw Failure(.templateInvalid, "the template '\(name)' is not Mustache", cause: error)
        }
    }

    static func userData(
        _ templates: SeedTemplates, hostname: ApplianceName, userName: String, authorizedKey: String, hostPrivateKey: [String], hostPublicKey: String
    ) throws -> String {
        try render(
            templates.userData, name: "user-data",
            [
                "hostname": quoted(hostname.rawValue), "userName": quoted(userName), "authorizedKey": quoted(authorizedKey),
                "hostPrivateKey": hostPrivateKey, "hostPublicKey": quoted(hostPublicKey),
            ])
    }

    static func metaData(_ templates: SeedTemplates, instanceID: String, hostname: ApplianceName) throws -> String {
        try render(templates.metaData, name: "meta-data", ["instanceID": quoted(instanceID), "hostname": quoted(hostname.rawValue)])
    }

    static func networkConfig(_ templates: SeedTemplates, _ network: GuestNetwork) throws -> String {
        // The quotes keep a YAML 1.1 parser from reading an address of digits as a number in base 60.
        var values: [String: Any] = ["macAddress": quoted(network.macAddress)]
        if case .static(let address) = network.address {
            var fixed: [String: Any] = ["address": quoted(address.cidr)]
            if let gateway = address.gateway { fixed["gateway"] = quoted(gateway.description) }
            if !address.nameServers.isEmpty { fixed["nameServers"] = address.nameServers.map { quoted($0.description) }.joined(separator: ", ") }
            values["static"] = fixed
        }
        return try render(templates.networkConfig, name: "network-config", values)
    }

    private static func quoted(_ text: String) -> String { YAMLScalar(quoted: text).text }

    static func isPrintableASCII(_ text: some StringProtocol) -> Bool { text.utf8.allSatisfy { (0x20...0x7e).contains($0) } }

    static func isInstanceID(_ text: String) -> Bool {
        (1...64).contains(text.utf8.count) && text.utf8.allSatisfy { isLetterOrDigit($0) || "._-".utf8.contains($0) }
    }

    static func isUserName(_ text: String) -> Bool {
        guard let first = text.utf8.first, isLower(first), text.utf8.count <= 32 else { return false }
        return text.utf8.allSatisfy { isLower($0) || isDigit($0) || "_-".utf8.contains($0) }
    }

    static func isMACAddress(_ text: String) -> Bool {
        let pairs = text.split(at: ":", omittingEmptySubsequences: false)
        return pairs.count == 6
            && pairs.allSatisfy { pair in
                pair.utf8.count == 2 && pair.utf8.allSatisfy { isDigit($0) || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains($0) }
            }
    }

    /// `ssh-ed25519 AAAA… comment`.
    static func isPublicKey(_ text: String) -> Bool {
        let words = text.split(at: " ", maxSplits: 2)
        guard words.count >= 2, isPrintableASCII(text), words[0] == "ssh-ed25519" else { return false }
        return words[1].utf8.count == 68 && words[1].utf8.allSatisfy { isLetterOrDigit($0) || "+/=".utf8.contains($0) }
    }

    private static func isLower(_ byte: UInt8) -> Bool { (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) }
    private static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }
    private static func isLetterOrDigit(_ byte: UInt8) -> Bool { isLower(byte | 0x20) || isDigit(byte) }
}
