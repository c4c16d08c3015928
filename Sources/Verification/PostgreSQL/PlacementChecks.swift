internal import ApplianceModel
internal import BuiltinTemplates
internal import PostgresClient
internal import Quoting
internal import Reports
internal import SecureShell

/// Where the cluster's files actually are in the guest, and the huge pages that its postmaster actually has.
enum PlacementChecks {
    static let group = CheckGroup(name: .postgresql, check: "postgresql.placement") { run, _ in
        let target = run.target
        let script = GuestScript.clusterReport.text(SessionDefaults.options(version: target.postgresqlVersion))
        let report = GuestReport(try await target.shell.check("sudo -n sh", input: Array(script.utf8), timeout: .seconds(60)).outputText)
        return [
            placement(report, version: target.postgresqlVersion, asked: target.settings),
            hugePages(report, asked: target.settings["huge_pages"], areReserved: target.reservesHugePages),
        ]
    }

    /// Data and WAL must be on the data disk and the log on the system disk, each in the planned directory after following every link.
    static func placement(_ report: GuestReport, version: Int, asked: [String: String]) -> Finding {
        let data = "/var/lib/postgresql/\(version)/main"
        let disk = report["data_disk"]
        guard !report["data_directory"].isEmpty else {
            return Finding(
                check: "postgresql.placement", level: .fail, measured: "the server did not say where its files are",
                expected: "data and WAL on the data disk, log where log_directory says", remedy: "pgkvm logs")
        }
        var faults: [String] = []
        func expect(_ what: String, _ directory: String, _ planned: String, on device: String, _ plannedDevice: String) {
            guard directory != planned || device != plannedDevice || device.isEmpty else { return }
            faults.append("\(what) in \(shown(directory)) on \(shown(device)), not in \(planned) on \(shown(plannedDevice))")
        }
        expect("data", report["data_directory"], data, on: report["data_device"], disk)
        expect("WAL", report["wal_directory"], "\(data)/pg_wal", on: report["wal_device"], disk)
        if let planned = asked["log_directory"], asked["logging_collector"] != "off" {
            let isAbsolute = planned.begins(with: "/")
            expect(
                "log", report["log_directory"], isAbsolute ? planned : "\(data)/\(planned)", on: report["log_device"],
                isAbsolute ? report["system_device"] : disk)
        }
        return Finding(
            check: "postgresql.placement", level: faults.isEmpty ? .pass : .fail,
            measured: faults.isEmpty
                ? "data and WAL in \(data) on \(disk), log in \(shown(report["log_directory"])) on \(shown(report["log_device"]))"
                : faults.joined(separator: "; "),
            expected: "data and WAL on the data disk, log where log_directory says",
            remedy: faults.isEmpty ? nil : "look at /etc/fstab, at links in the data directory and at log_directory in the guest")
    }

    /// - Parameters:
    ///   - asked: the setting `huge_pages`; nil is the server's default, `try`.
    ///   - areReserved: whether the guest is to reserve them when the server starts.
    static func hugePages(_ report: GuestReport, asked: String?, areReserved: Bool) -> Finding {
        guard let reserved = Int(report["huge_pages_reserved"]), let mappings = Int(report["huge_mappings"]) else {
            return Finding(
                check: "postgresql.huge-pages", level: .fail, measured: "the guest did not say", expected: "huge pages in force where asked for",
                remedy: "verify again; if it stays, pgkvm logs")
        }
        // Since version 17, the server reports it; before, the kernel's list of the postmaster's mappings shows it.
        let isInForce = ["on", "off"].contains(report["huge_pages_status"]) ? report["huge_pages_status"] == "on" : mappings > 0
        let asked = asked ?? "try"
        let level: Finding.Level = isInForce || asked == "off" ? .pass : asked == "on" ? .fail : areReserved || reserved > 0 ? .warn : .pass
        return Finding(
            check: "postgresql.huge-pages", level: level,
            measured: "\(isInForce ? "in force" : "not in force"), huge_pages = \(report["huge_pages"]), \(reserved) pages reserved in the guest",
            expected: asked == "on" || asked == "try" && areReserved
                ? "in force" : asked == "try" ? "in force once the guest reserves them" : "as it is: not asked for",
            remedy: level == .pass ? nil : areReserved || asked == "on" ? restart : reserve)
    }

    private static let restart =
        "pgkvm restart, at a time of your choice: the guest reserves them when the server starts, and finds the memory for it after a boot"
    private static let reserve =
        "reserve as many as shared_memory_size_in_huge_pages says (vm.nr_hugepages in the guest), then restart the server"

    private static func shown(_ text: String) -> String { text.isEmpty ? "an unknown place" : text }
}
