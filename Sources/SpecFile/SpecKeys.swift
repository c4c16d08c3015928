/// The keys of the spec file by section; the order is that of a rendered file.
enum SpecKeys {
    static let top = ["formatVersion", "name", "machine", "network", "data", "postgresql", "verify"]
    static let machine = ["backend", "accelerator", "vcpus", "memory", "image", "systemDisk"]
    static let systemDisk = ["size", "layout"]
    static let network = ["mode", "address", "sshPort", "postgresqlPort"]
    static let data = ["size", "adopt"]
    static let postgresql = ["version", "source", "profile", "locale", "timeZone", "allowFrom", "settings", "roles", "databases"]
    static let verify = ["limits"]
    static let role = ["name", "memberOf"]
    static let database = ["name", "owner", "extensions"]

    /// Where else a key would be at home: a full path, for a key that stands in the wrong section.
    static func home(of key: String) -> String? {
        let sections = [
            ("machine", machine), ("machine.systemDisk", systemDisk), ("network", network), ("data", data), ("postgresql", postgresql),
            ("verify", verify), ("postgresql.databases[]", database), ("postgresql.roles[]", role),
        ]
        let homes = sections.filter { $0.1.contains(key) }.map { "\($0.0).\(key)" } + (top.contains(key) ? [key] : [])
        return homes.count == 1 ? homes.first : nil
    }
}
