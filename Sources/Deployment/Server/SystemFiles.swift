internal import BuiltinTemplates
internal import PostgresServer

/// What the guest's system does for the server by itself at each start: it sets up the clock and the huge pages.
enum SystemFiles {
    /// - Parameter settings: the server's settings, by name.
    static func all(settings: [String: String], version: Int) -> [GuestFile] {
        let pages = HugePages.areReserved(settings, version: version) ? "on" : "off"
        return [
            file("/usr/lib/pgkvm/choose-clock.sh", "choose-clock.sh"),
            file("/etc/systemd/system/chrony.service.d/pgkvm.conf", "chrony-clock.conf"),
            file("/usr/lib/pgkvm/reserve-huge-pages.sh", "reserve-huge-pages.sh"),
            file("/etc/systemd/system/postgresql@\(version)-main.service.d/pgkvm.conf", "server-pages.conf") { $0.replacing("HUGE_PAGES", with: pages) },
        ]
    }

    private static func file(_ path: String, _ template: String, _ change: (String) -> String = { $0 }) -> GuestFile {
        let text = change(BuiltinTemplates.text("system/\(template)") ?? "")
        return GuestFile(path: path, content: Array(text.utf8), owner: "root:root", mode: "0644")
    }
}
