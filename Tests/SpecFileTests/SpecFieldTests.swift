import ApplianceModel
import Basics
import FoundationEssentials
import SpecFile
import Testing

@Suite("The fields of the spec")
struct SpecFieldTests {
    /// A value of the spec without a field would be neither written nor read, and nobody would notice.
    @Test("Every stored value of the spec has a key, in the same order")
    func complete() {
        let parts: [(path: String, part: Any)] = [
            ("machine", ApplianceSpec.Machine()), ("machine.systemDisk", ApplianceSpec.SystemDisk()), ("machine.libvirt", ApplianceSpec.Libvirt()),
            ("machine.proxmox", ApplianceSpec.Proxmox(url: "", storage: "")), ("network", ApplianceSpec.Network()), ("data", ApplianceSpec.DataDisk()),
            ("postgresql", ApplianceSpec.PostgreSQL()), ("postgresql.roles[]", ApplianceSpec.Role(name: "")),
            ("postgresql.databases[]", ApplianceSpec.Database(name: "", owner: "")), ("verify", ApplianceSpec.Verification()),
        ]
        for (path, part) in parts {
            let keys = SpecKeys.all.filter { $0.path == "\(path).\($0.name)" }.map(\.name)
            #expect(keys == Mirror(reflecting: part).children.compactMap(\.label), "\(path)")
        }
        #expect(SpecKeys.all.filter { $0.form == .section || $0.form == .entries }.count == parts.count)
    }

    @Test("The defaults in docs/spec.md are those of the fields")
    func documentedDefaults() throws {
        let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        let page = try String(contentsOf: root.appending(path: "docs/spec.md"), encoding: .utf8)
        let rows = Self.defaults(in: page)
        for key in SpecKeys.all where key.form != .section && !key.path.contains("[]") {
            let written = try #require(rows[key.path], "\(key.path)")
            switch (key.standard, written) {
            case (nil, _): #expect(written == "required", "\(key.path)")
            // With some values of other keys the rules ask for it.
            case ("none", "required"): break
            case (let standard?, "[]"): #expect(standard.hasPrefix("none"), "\(key.path)")
            case (let standard?, _): #expect(Self.lead(standard) == written, "\(key.path)")
            }
        }
    }

    /// The last column of the tables of keys, by path, as far as `lead` goes.
    private static func defaults(in page: String) -> [String: String] {
        var section: String?
        var found: [String: String] = [:]
        for line in page.split(separator: "\n") {
            if line.hasPrefix("## ") {
                let title = line.dropFirst(3)
                section = title == "Top" ? "" : title.hasPrefix("`") ? title.filter { $0 != "`" } + "." : nil
            }
            let cells = line.split(separator: " | ")
            guard let section, cells.count == 3, cells[0].hasPrefix("| `") else { continue }
            let path = section + cells[0].dropFirst(2).filter { $0 != "`" }
            found[path] = lead(String(cells[2].dropLast(2)))
        }
        return found
    }

    /// A default without what is said of it, and without the mark-up.
    private static func lead(_ text: String) -> String {
        let lead = text.filter { $0 != "`" }.prefix { !":;,".contains($0) }
        return lead.hasPrefix("required with ") ? "required" : String(lead)
    }

    @Test("Changes of a platform's keys stand among those of the machine")
    func platformChanges() throws {
        var old = ApplianceSpec(name: try #require(ApplianceName("orders")))
        old.machine.backend = .proxmox
        old.machine.proxmox = ApplianceSpec.Proxmox(url: "https://pve1:8006", storage: "local")
        var new = old
        new.machine.proxmox?.storage = "fast"
        new.machine.vcpus = 4
        new.network.mode = .bridge
        new.dataDisk.size = .gibibytes(20)
        #expect(
            SpecDifference.changes(old, new).map(\.text) == [
                "machine.vcpus: 2 → 4", "machine.proxmox.storage: local → fast", "network.mode: user → bridge", "data.size: 10GiB → 20GiB",
            ])
        new.machine.backend = .libvirt
        #expect(SpecDifference.changes(old, new).contains { $0.text == "machine.proxmox.url: https://pve1:8006 → none" })
    }

    @Test("A section that cannot do without a key asks for it before it looks at the others")
    func required() {
        let head = "formatVersion: 1\nname: a\n"
        #expect(
            faults("\(head)machine: {proxmox: {tokenFile: 17}}") == [
                "s.yaml:3: machine.proxmox.url: is missing", "s.yaml:3: machine.proxmox.storage: is missing",
                "s.yaml:3: machine.proxmox.tokenFile: must be a text, and YAML reads 17 as a number; write it in quotes: '17'",
            ])
        #expect(
            faults("\(head)postgresql: {databases: [{extensions: x}]}") == [
                "s.yaml:3: postgresql.databases[0].name: is missing", "s.yaml:3: postgresql.databases[0].owner: is missing",
                "s.yaml:3: postgresql.databases[0].extensions: must be a list; write '[a, b]' or one line with '- ' for each entry",
            ])
    }
}
