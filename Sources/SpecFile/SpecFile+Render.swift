package import ApplianceModel

extension SpecFile {
    /// The file of a spec: every value written out, so that another default in a later pgkvm changes no appliance. Only what has
    /// no value (a port or a version left to pgkvm) is left out. Reading it back gives an equal spec.
    package static func render(_ spec: ApplianceSpec) -> String {
        var text = YAMLWriter()
        text.pair("formatVersion", ApplianceSpec.currentFormat)
        text.pair("name", spec.name.rawValue)
        text.section("machine") { render(spec.machine, to: &$0) }
        text.section("network") { render(spec.network, to: &$0) }
        text.section("data") {
            $0.pair("size", spec.dataDisk.size)
            $0.pair("adopt", spec.dataDisk.adopt)
        }
        text.section("postgresql") { render(spec.postgresql, to: &$0) }
        text.section("verify") {
            $0.section("limits", isEmpty: spec.verification.limits.isEmpty) {
                for (name, value) in spec.verification.limits.sorted(by: { $0.key < $1.key }) { $0.pair(name, value) }
            }
        }
        return text.text
    }

    private static func render(_ machine: ApplianceSpec.Machine, to text: inout YAMLWriter) {
        text.pair("backend", machine.backend.rawValue)
        text.pair("accelerator", machine.accelerator.rawValue)
        text.pair("vcpus", machine.vcpus)
        text.pair("memory", machine.memory)
        text.pair("image", machine.image.description)
        text.section("systemDisk") {
            $0.pair("size", machine.systemDisk.size)
            $0.pair("layout", machine.systemDisk.layout.rawValue)
        }
    }

    private static func render(_ network: ApplianceSpec.Network, to text: inout YAMLWriter) {
        text.pair("mode", network.mode.rawValue)
        text.pair("address", network.address.rawValue)
        text.pair("sshPort", network.sshPort.map(Int.init))
        text.pair("postgresqlPort", network.postgresqlPort.map(Int.init))
    }

    private static func render(_ server: ApplianceSpec.PostgreSQL, to text: inout YAMLWriter) {
        text.pair("version", server.version)
        text.pair("source", server.source.rawValue)
        text.pair("profile", server.profile.rawValue)
        text.pair("locale", server.locale)
        text.pair("timeZone", server.timeZone)
        text.pair("allowFrom", server.allowFrom.map(\.description))
        text.section("settings", isEmpty: server.settings.isEmpty) {
            for (name, value) in server.settings.sorted(by: { $0.key < $1.key }) { $0.pair(name, value) }
        }
        text.list("roles", server.roles) {
            $1.pair("name", $0.name)
            $1.pair("memberOf", $0.memberOf)
        }
        text.list("databases", server.databases) {
            $1.pair("name", $0.name)
            $1.pair("owner", $0.owner)
            $1.pair("extensions", $0.extensions)
        }
    }
}
