internal import ApplianceModel
internal import Basics
internal import Quoting
internal import Yams

/// Walks the nodes of a document, and collects every fault instead of stopping at the first.
struct SpecReader {
    let document: YAMLDocument
    private(set) var faults: [LocatedFault] = []
    /// The paths of the faults.
    private var faulty: Set<String> = []
    /// Where each key that was read is, for the rules, which know only paths.
    private(set) var lines: [String: Int] = [:]
    /// Replaces the key `name`.
    private let nameOverride: ApplianceName?

    init(_ document: YAMLDocument, nameOverride: ApplianceName?) {
        self.document = document
        self.nameOverride = nameOverride
    }

    /// The spec; nil if it has no usable name.
    mutating func readSpec() -> ApplianceSpec? {
        let top = section(document.root, at: "", keys: ApplianceSpec.names)
        // The rules are applied in any case, so that a missing name does not hide other faults.
        guard let name = nameOverride ?? ApplianceName("unnamed") else { return nil }
        var spec = ApplianceSpec(name: name)
        let isNamed = read(top, into: &spec)
        applyRules(to: spec)
        return isNamed ? spec : nil
    }

    /// Reads the keys of a section, the required ones first.
    /// - Returns: whether all required keys have a value.
    mutating func read<Part: SpecPart>(_ section: Section, into part: inout Part) -> Bool {
        let required = Part.fields.filter { $0.key.standard == nil }
        let others = Part.fields.filter { $0.key.standard != nil }
        var isWhole = true
        for field in required + others {
            if !field.read(&self, section, &part) { isWhole = false }
        }
        return isWhole
    }

    /// A part that a file may leave out; nil if it lacks a required key.
    mutating func whole<Part: DefaultPart>(_ section: Section) -> Part? {
        var part = Part.standard
        return read(section, into: &part) ? part : nil
    }

    /// Only requires the format. Whether this pgkvm knows it was checked before (`YAMLDocument.formatVersion`).
    mutating func readFormat(_ top: Section) {
        if number(top, "formatVersion") == nil, !top.has("formatVersion") {
            report(nil, "formatVersion", "is missing; write 'formatVersion: \(ApplianceSpec.currentFormat)'")
        }
    }

    /// - Returns: whether there is a name.
    mutating func readName(_ top: Section, into name: inout ApplianceName) -> Bool {
        guard let node = top.value("name") else {
            if nameOverride == nil { report(nil, "name", "is missing; allowed are \(ApplianceName.rule)") }
            return nameOverride != nil
        }
        // The file's name must be a text even if another name replaces it.
        guard nameOverride == nil else {
            _ = text(.any, node, at: "name")
            return true
        }
        guard let text = text(.name, node, at: "name") else { return false }
        name = text
        return true
    }

    /// Adds the faults that the rules find, unless a fault of the same part of the file already explains it.
    private mutating func applyRules(to spec: ApplianceSpec) {
        let read = faulty
        func isFaulty(_ prefix: String) -> Bool { read.contains { $0.utf8.starts(with: prefix.utf8) } }
        // Entries that could not be read are missing from the lists, so their positions would be wrong.
        let parts = ["postgresql.roles", "postgresql.databases", "postgresql.allowFrom"].filter(isFaulty)
        let isVersionOpen = isFaulty("postgresql.source") || isFaulty("machine.image")
        let areRolesOpen = parts.contains("postgresql.roles")
        for fault in SpecRules.faults(in: spec) {
            if read.contains(fault.path) || parts.contains(where: { fault.path.utf8.starts(with: $0.utf8) }) { continue }
            if fault.path == "postgresql.version", isVersionOpen { continue }
            if areRolesOpen, fault.path.utf8.starts(with: "postgresql.databases".utf8), fault.path.ends(with: ".owner") { continue }
            report(nil, fault.path, fault.message)
        }
    }

    /// The line of a path or of the nearest part above it.
    private func line(of path: String) -> Int? {
        var path = path[...]
        while !path.isEmpty {
            if let line = lines[String(path)] { return line }
            path = path.lastIndex { $0 == "." || $0 == "[" }.map { path[..<$0] } ?? ""
        }
        return nil
    }
}

extension SpecReader {
    mutating func report(_ line: Int?, _ path: String, _ message: String) {
        faults.append(LocatedFault(line: line ?? self.line(of: path), path: path.isEmpty ? nil : path, message: message))
        faulty.insert(path)
    }

    func isFaulty(_ path: String) -> Bool { faulty.contains(path) }

    mutating func note(_ node: Node, at path: String) { lines[path] = node.mark?.line }
}
