import ApplianceModel
import HostSystem
import SystemPackage
import TestSupport
import Testing

/// Everything about an appliance that a deployment decides, with what differs between any two of them taken out: names, ports,
/// addresses of the network card, UUIDs, keys, certificates, times and passwords.
struct GuestPicture: Sendable {
    /// By the name of each part.
    let parts: [String: String]

    static func take(of guest: Guest) async throws -> GuestPicture {
        let collected = try await guest.root(script)
        var parts = parse(collected)
        parts["host files"] = try hostFiles(of: guest)
        parts["machine.json"] = try Files.readText(guest.records.location(MachineDirectory.Record.machine))
        parts["spec.yaml"] = try Files.readText(guest.directory.appending("spec.yaml"))
        parts["pgpass"] = try Files.readText(guest.passwordFile)
        return GuestPicture(parts: parts.mapValues { normalized($0, of: guest) })
    }

    /// Expects that another appliance looks the same.
    /// - Parameter exceptions: parts that are meant to differ.
    func expectSame(as other: GuestPicture, but exceptions: Set<String> = [], sourceLocation: SourceLocation = #_sourceLocation) {
        #expect(parts.keys.sorted() == other.parts.keys.sorted(), sourceLocation: sourceLocation)
        for (name, text) in parts.sorted(by: { $0.key < $1.key }) where !exceptions.contains(name) {
            let mine = text.split(whereSeparator: \.isNewline), others = (other.parts[name] ?? "").split(whereSeparator: \.isNewline)
            guard mine != others else { continue }
            let differences = others.difference(from: mine).map { change in
                switch change {
                case .insert(_, let line, _): "+ \(line)"
                case .remove(_, let line, _): "- \(line)"
                }
            }
            Issue.record("'\(name)' differs:\n\(differences.joined(separator: "\n"))", sourceLocation: sourceLocation)
        }
    }

    /// One part after another, each behind a line with its name.
    private static let script = #"""
        part() { printf '\n#### %s\n' "$1"; }
        for file in $(find /etc/postgresql /etc/postgresql-common /etc/systemd/network /etc/fstab /etc/hosts /etc/hostname /etc/ssh/sshd_config.d \
            /etc/needrestart/conf.d /etc/apt/apt.conf.d /etc/sudoers.d /home/pgkvm/.ssh -type f | sort); do
            part "$file"; stat -c '%A %U %G' "$file"; cat "$file"
        done
        part 'files of /etc'; find /etc ! -type d -printf '%M %u %g %p %l\n' | sort -k4
        part packages; dpkg-query -W -f '${db:Status-Abbrev} ${Package} ${Version}\n'
        part units; systemctl list-unit-files --no-legend --plain | grep -v '^session-' | sort
        part 'failed units'; systemctl --failed --no-legend --plain
        part 'units of pgkvm'; systemctl list-units --all --no-legend --plain 'pgkvm*' | awk '{ print $1, $2, $3, $4 }'
        part mounts; findmnt -n -r -o TARGET,FSTYPE,OPTIONS /var/lib/postgresql
        part 'data disk'; cd /var/lib/postgresql && find . -maxdepth 3 -printf '%M %u %g %p\n' | grep -v -e postmaster -e /pg_wal | sort -k4
        part accounts; getent passwd; getent group
        ask() { sudo -u postgres psql -XAt -d postgres -c "$1"; }
        part settings; ask "select name, setting, source, sourcefile, pending_restart from pg_settings order by name"
        part 'hba rules'; ask "select type, database, user_name, address, auth_method, error from pg_hba_file_rules"
        part roles; ask "select r.*, left(a.rolpassword, 14) from pg_roles r join pg_authid a using (oid) order by rolname" | sed 's/|[0-9]*|SCRAM/|SCRAM/'
        part memberships; ask "select roleid::regrole, member::regrole, grantor::regrole, admin_option from pg_auth_members order by 1::text, 2::text"
        part databases; ask "select datname, datdba::regrole, encoding, datlocprovider, datcollate, datctype, datacl from pg_database order by 1"
        for database in $(ask "select oid from pg_database where datallowconn order by datname"); do
            name=$(ask "select datname from pg_database where oid = $database")
            part "extensions of $name"
            PGDATABASE=$name sudo -u postgres --preserve-env=PGDATABASE psql -XAt -c "select extname, extversion from pg_extension order by 1"
        done
        """#

    private static func parse(_ text: String) -> [String: String] {
        var parts: [String: String] = [:]
        var name = ""
        for line in text.split(separator: "\n", omittingEmptySubsequences: true) {
            if line.hasPrefix("#### ") {
                name = String(line.dropFirst(5))
                parts[name] = ""
            } else {
                parts[name, default: ""] += line + "\n"
            }
        }
        return parts
    }

    /// Names, modes and owners of what lies in the appliance's directory; evidence and reports are named by time.
    private static func hostFiles(of guest: Guest) throws -> String {
        func list(_ path: FilePath, _ prefix: String) throws -> [String] {
            try Files.list(path).flatMap { name -> [String] in
                let child = path.appending(name)
                guard let status = Files.status(child, followLinks: false) else { return [] }
                let line = "\(String(status.mode, radix: 8)) \(status.owner) \(prefix)\(name)"
                let isLog = ["evidence", "reports"].contains(name)
                return name == "evidence" ? [] : [line] + (status.isDirectory && !isLog ? try list(child, "\(prefix)\(name)/") : [])
            }
        }
        return try list(guest.directory, "").joined(separator: "\n")
    }

    private static func normalized(_ text: String, of guest: Guest) -> String {
        var text = text.replacing(guest.directory.string, with: "DIRECTORY").replacing(guest.name, with: "NAME")
        text.replace(/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/, with: "UUID")
        text.replace(/52:54:00(:[0-9a-f]{2}){3}/, with: "MAC")
        text.replace(/-----BEGIN ([A-Z ]*)-----[^-]*-----END [A-Z ]*-----/) { "PEM \($0.output.1)" }
        text.replace(/ssh-ed25519 [A-Za-z0-9+\/=]+/, with: "KEY")
        // The deployment's id, and the ports that were free.
        text.replace(/"rawValue" : "[0-9a-f]{32}"/, with: "DEPLOYMENT")
        // A unit is named by a digest of its script, which holds the file system's UUID.
        text.replace(/(pgkvm-[a-z-]+)-[0-9a-f]{12}\.service/) { "\($0.output.1).service" }
        text.replace(/address: (dhcp|static)/, with: "address: ADDRESS")
        text.replace(/# Created by cloud-init .*/, with: "# Created by cloud-init")
        // Each machine runs as a user id of its own, beyond every account's.
        text.replace(/"userID" : [0-9]+/, with: "userID")
        text.replace(#/(?m)^([0-7]+) (?:18|19|20|21)[0-9]{8} /#) { "\($0.output.1) USER " }
        text.replace(/"(ssh|postgresql)Port" : [0-9]+/) { "\($0.output.1)Port" }
        text.replace(/(?m)^([^:\n]+):[0-9]+:\*:(.*):[^:\n]+$/) { "\($0.output.1):PORT:*:\($0.output.2):PASSWORD" }
        return text
    }
}
