internal import ApplianceModel
package import Basics
internal import FoundationEssentials
internal import HostSystem
internal import Synchronization
package import SystemPackage

/// The parameters that Proxmox VE takes, of one of its versions: a reduced record of its own API schema (`Tests/Proxmox/reduce`).
///
/// The paths of the HA manager are not in the record and are not checked.
package struct PVESchema: Sendable {
    package enum Version: String, Sendable, CaseIterable { case pve8, pve9 }

    private let methods: [String: JSONValue]
    private let indexes: JSONValue

    /// - Throws: what makes the record unreadable.
    package init(_ version: Version) throws {
        let file = Self.directory.appending("api.json")
        let all = try JSONDecoder().decode(JSONValue.self, from: Data(Files.read(file)))
        guard let data = all[version.rawValue], case .object(let methods)? = data["methods"], let indexes = data["indexes"] else {
            throw Failure(.invalidInput, "'\(file)' has no version \(version)")
        }
        self.methods = methods
        self.indexes = indexes
    }

    /// `Tests/Proxmox`.
    package static let directory = FilePath(#filePath).removingLastComponent().removingLastComponent().removingLastComponent().appending("Proxmox")

    /// The exchanges that were recorded with the API of a Proxmox VE 9.2.
    package static func exchanges() throws -> [JSONValue] {
        try JSONDecoder().decode([JSONValue].self, from: Data(Files.read(directory.appending("exchanges.json"))))
    }

    /// Holds a request against the schema.
    /// - Parameter segments: of the path below `/api2/json`, decoded.
    /// - Returns: what is wrong, by parameter; nil when there is no such method.
    package func faults(method: String, segments: [String], parameters: [(name: String, value: String)]) -> [String: String]? {
        guard let (rules, fromPath) = lookUp(method, segments) else { return nil }
        var faults: [String: String] = [:]
        var given = fromPath
        for (name, value) in parameters {
            if given[name] != nil, name != "volume" { faults[name] = "duplicate parameter" }
            given[name] = value
        }
        for (name, value) in given {
            guard let rule = rule(name, rules) else {
                faults[name] = "property is not defined in schema and the schema does not allow additional properties"
                continue
            }
            if let fault = Self.fault(value, rule, name: name) { faults[name] = fault }
            if let other = rule["requires"]?.string, given[other] == nil { faults[name] = "missing property - '\(name)' requires this property: \(other)" }
        }
        for (name, rule) in rules where rule["optional"] == nil && !name.hasSuffix("[n]") && given[name] == nil {
            faults[name] = "property is missing and it is not optional"
        }
        return faults
    }

    /// The method whose path matches; the literal one before one with a placeholder.
    private func lookUp(_ method: String, _ segments: [String]) -> (rules: [String: JSONValue], fromPath: [String: String])? {
        var best: (literals: Int, rules: [String: JSONValue], fromPath: [String: String])?
        for (key, value) in methods {
            let parts = key.split(separator: " ", maxSplits: 1).map(String.init)
            guard parts.count == 2, parts[0] == method, case .object(let rules) = value else { continue }
            let pattern = parts[1].split(separator: "/").map(String.init)
            guard pattern.count == segments.count else { continue }
            var fromPath: [String: String] = [:]
            var literals = 0
            var matches = true
            for (part, segment) in zip(pattern, segments) {
                if part.hasPrefix("{") {
                    fromPath[String(part.dropFirst().dropLast())] = segment
                } else if part == segment {
                    literals += 1
                } else {
                    matches = false
                }
            }
            if matches, literals > best?.literals ?? -1 { best = (literals, rules, fromPath) }
        }
        return best.map { ($0.rules, $0.fromPath) }
    }

    /// `virtio1` is `virtio[n]`, up to the highest index.
    private func rule(_ name: String, _ rules: [String: JSONValue]) -> JSONValue? {
        if let rule = rules[name] { return rule }
        guard let parts = name.wholeMatch(of: /([a-z]+)(0|[1-9][0-9]*)/), let rule = rules["\(parts.1)[n]"], let index = Int(parts.2),
            let last = indexes[String(parts.1)]?.string.flatMap({ Int($0) }) ?? indexes[String(parts.1)]?.integer.map({ Int($0) }), index <= last
        else { return nil }
        return rule
    }

    // MARK: One value

    private static func fault(_ value: String, _ rule: JSONValue, name: String) -> String? {
        switch rule["type"]?.string {
        case "integer":
            guard let number = Int64(value) else { return "type check ('integer') failed - got '\(value)'" }
            if let least = number_(rule["minimum"]), Double(number) < least { return "value must have a minimum value of \(Int64(least))" }
            if let most = number_(rule["maximum"]), Double(number) > most { return "value must have a maximum value of \(Int64(most))" }
        case "number":
            guard let number = Double(value) else { return "type check ('number') failed - got '\(value)'" }
            if let least = number_(rule["minimum"]), number < least { return "value must have a minimum value of \(least)" }
            if let most = number_(rule["maximum"]), number > most { return "value must have a maximum value of \(most)" }
        case "boolean":
            guard ["0", "1", "yes", "no", "on", "off", "true", "false"].contains(value) else { return "type check ('boolean') failed - got '\(value)'" }
        default: break
        }
        if let allowed = rule["enum"]?.array?.compactMap(\.string), !allowed.contains(value) {
            return "value '\(value)' does not have a value in the enumeration '\(allowed.joined(separator: ", "))'"
        }
        if let most = rule["maxLength"]?.integer, value.utf8.count > most { return "value may only be \(most) characters long" }
        if let pattern = rule["pattern"]?.string, !matches(value, pattern) { return "value does not match the regex pattern" }
        if case .object(let parts)? = rule["parts"] { return partsFault(value, parts, name: name) }
        if let format = rule["format"]?.string, let fault = formatFault(value, format) { return "invalid format - \(fault)\n" }
        return nil
    }

    private static func number_(_ value: JSONValue?) -> Double? {
        switch value {
        case .integer(let value): Double(value)
        case .number(let value): value
        case .string(let value): Double(value)
        default: nil
        }
    }

    /// Perl writes the flags of a pattern before it: `(?^:…)`.
    private static func matches(_ value: String, _ pattern: String) -> Bool {
        guard let regex = try? Regex(pattern.replacing("(?^:", with: "(?:")) else { return true }
        return value.wholeMatch(of: regex) != nil
    }

    /// A value with parts of its own, such as a drive's.
    private static func partsFault(_ value: String, _ parts: [String: JSONValue], name: String) -> String? {
        var faults: [String] = []
        var seen: Set<String> = []
        let unnamed = parts.first { $0.value["default_key"] != nil }?.key
        for part in value.split(separator: ",", omittingEmptySubsequences: false) {
            var key = unnamed ?? ""
            var text = String(part)
            if let sign = part.firstIndex(of: "=") {
                key = String(part[..<sign])
                text = String(part[part.index(after: sign)...])
            }
            guard var rule = parts[key] else {
                faults.append("\(name).\(key): property is not defined in schema and the schema does not allow additional properties")
                continue
            }
            if let alias = rule["alias"]?.string {
                // `virtio=MAC` names the model and gives the address.
                if let other = rule["keyAlias"]?.string { seen.insert(other) }
                key = alias
                rule = parts[alias] ?? rule
            }
            if !seen.insert(key).inserted { faults.append("\(name).\(key): duplicate key in comma-separated list property: \(key)") }
            if let fault = fault(text, rule, name: "\(name).\(key)") { faults.append("\(name).\(key): \(fault)") }
        }
        for (key, rule) in parts where rule["optional"] == nil && rule["alias"] == nil && !seen.contains(key) {
            faults.append("\(name).\(key): property is missing and it is not optional")
        }
        return faults.isEmpty ? nil : "invalid format - format error\n\(faults.sorted().joined(separator: "\n"))\n"
    }

    private static func formatFault(_ value: String, _ format: String) -> String? {
        switch format {
        case "pve-node", "dns-name":
            value.wholeMatch(of: /[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)*/) == nil
                ? "value does not look like a valid DNS name" : nil
        case "pve-vmid": value.wholeMatch(of: /[1-9][0-9]{2,8}/) == nil ? "value does not look like a valid VM ID" : nil
        case "pve-storage-id": value.wholeMatch(of: /[A-Za-z][A-Za-z0-9\-_.]*[A-Za-z0-9]/) == nil ? "storage ID '\(value)' contains illegal characters" : nil
        case "pve-poolid": value.wholeMatch(of: /[A-Za-z0-9.\-_]+(?:\/[A-Za-z0-9.\-_]+){0,2}/) == nil ? "value does not look like a valid pool name" : nil
        case "pve-volume-id", "pve-volume-id-or-absolute-path":
            value.wholeMatch(of: /[A-Za-z][A-Za-z0-9\-_.]*[A-Za-z0-9]:.+/) == nil && !(format.hasSuffix("path") && value.hasPrefix("/"))
                ? "unable to parse volume ID '\(value)'" : nil
        case "pve-volume-id-or-qm-path":
            ["none", "cdrom"].contains(value) || value.hasPrefix("/") || value.wholeMatch(of: /[A-Za-z][A-Za-z0-9\-_.]*[A-Za-z0-9]:.+/) != nil
                ? nil : "unable to parse volume ID '\(value)'"
        case "urlencoded":
            value.wholeMatch(of: /(?:[A-Za-z0-9\-_.!~*'()]|%[0-9A-Fa-f]{2})*/) == nil ? "invalid urlencoded string: \(value)" : nil
        case "mac-addr":
            value.wholeMatch(of: /[0-9A-Fa-f][02468ACEace](?::[0-9A-Fa-f]{2}){5}/) == nil ? "value does not look like a valid unicast MAC address" : nil
        case "pve-bridge-id": value.wholeMatch(of: /[\-_.A-Za-z0-9]+/) == nil ? "value does not look like a valid bridge ID" : nil
        case "pve-tag-list":
            value.split(whereSeparator: { ",; ".contains($0) }).allSatisfy { $0.wholeMatch(of: /[A-Za-z0-9_][A-Za-z0-9_\-+.]*/) != nil }
                ? nil : "invalid characters in tag"
        case "pve-vm-cpu-conf":
            ["host", "max", "kvm64", "qemu64", "x86-64-v2", "x86-64-v2-AES", "x86-64-v3", "x86-64-v4"].contains(value)
                ? nil : "Built-in cputype '\(value)' is not defined (missing 'custom-' prefix?)"
        case "pve-qm-boot": value.wholeMatch(of: /order=[a-z]+[0-9]+(?:;[a-z]+[0-9]+)*/) == nil ? "invalid boot property string" : nil
        case "pve-qm-smbios1":
            value.wholeMatch(of: /uuid=[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}/) == nil
                ? "format error\nuuid: value does not match the regex pattern" : nil
        case "pve-configid-list": value.wholeMatch(of: /[a-z][a-z0-9_\-]+(?:,[a-z][a-z0-9_\-]+)*/) == nil ? "invalid configuration ID" : nil
        case "disk-size": value.wholeMatch(of: /[0-9]+(?:\.[0-9]+)?[KMGT]?/) == nil ? "invalid size" : nil
        case "pve-storage-content":
            ["iso", "vztmpl", "import", "images", "rootdir", "backup", "snippets"].contains(value) ? nil : "invalid content type '\(value)'"
        // The others are of parameters that pgkvm does not send.
        default: nil
        }
    }
}
