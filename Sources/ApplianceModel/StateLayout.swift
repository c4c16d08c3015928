package import SystemPackage

/// Every name on disk: the state directory, in it one directory for each appliance, and in that one for each machine.
package struct StateDirectory: Sendable, Equatable {
    package let path: FilePath

    package init(path: FilePath) { self.path = path }

    package func appliance(_ name: ApplianceName) -> ApplianceDirectory {
        ApplianceDirectory(path: path.appending(name.rawValue))
    }

    /// Bases of overlay disks. An appliance cannot have this name.
    package var overlayBases: FilePath { path.appending(".bases") }
    /// Answers of unfinished guides, one directory for each appliance. An appliance cannot have this name.
    package var guides: FilePath { path.appending(".guides") }
}

/// The files of one appliance. Secrets have mode 0600, the directory has 0700.
package struct ApplianceDirectory: Sendable, Equatable {
    package let path: FilePath

    package init(path: FilePath) { self.path = path }

    /// The spec in force, or the one that the first deployment is deploying.
    package var spec: FilePath { path.appending("spec.yaml") }
    /// The spec that a change asks for, until it is in force; otherwise the file is absent.
    package var wantedSpec: FilePath { path.appending("wanted.yaml") }
    package var journal: FilePath { path.appending("journal.jsonl") }
    /// How far the journal is known to extend.
    package var journalSeal: FilePath { path.appending("journal.seal") }
    package var card: FilePath { path.appending("card.json") }
    /// The settings of `pgkvm priority`; absent if nothing was set.
    package var priority: FilePath { path.appending("priority.json") }
    /// Whether the appliance starts with its host; absent until that is decided.
    package var autostart: FilePath { path.appending("autostart.json") }
    package var lock: FilePath { path.appending("lock") }
    /// Locked while a check measures on the machine.
    package var measurementLock: FilePath { path.appending("measurement.lock") }
    package var sshKey: FilePath { path.appending("id_ed25519") }
    package var sshPublicKey: FilePath { path.appending("id_ed25519.pub") }
    /// The pinned host keys of the guest, one line each.
    package var knownHost: FilePath { path.appending("known_host") }
    package var caCertificate: FilePath { path.appending("ca.crt") }
    package var caKey: FilePath { path.appending("ca.key") }
    package var passwords: FilePath { path.appending("pgpass") }
    /// The directory of the Unix socket that leads to the guest's PostgreSQL while `pgkvm forward` runs.
    package var socket: FilePath { path.appending("socket") }
    package var reports: FilePath { path.appending("reports") }
    package var evidence: FilePath { path.appending("evidence") }
    /// What the commands that change the appliance did, step by step.
    package var debugLog: FilePath { path.appending("pgkvm.log") }

    package func machine(_ index: Int = 0) -> MachineDirectory {
        MachineDirectory(path: path.appending("machines").appending(String(index)))
    }
}

/// The files of one machine, in two directories: QEMU's own directory, with the files that it opens by name, and pgkvm's, with the trusted records of
/// the machine.
package struct MachineDirectory: Sendable, Equatable {
    /// Owned by the user that QEMU runs as, mode 0700: if a guest has broken out of QEMU, it can put anything there.
    package let path: FilePath

    package init(path: FilePath) { self.path = path }

    /// The names as QEMU sees them: it runs inside the directory.
    package enum Name {
        package static let systemDisk = "system.qcow2"
        package static let overlayBase = "base.img"
        package static let dataDisk = "data.raw"
        package static let firmwareVariables = "vars.fd"
        package static let seed = "seed.iso"
        package static let monitorSocket = "qmp.sock"
        package static let serialSocket = "serial.sock"
        package static let agentSocket = "agent.sock"
    }

    /// The names in `records`. Older versions of pgkvm kept these files in QEMU's directory, under the same names.
    package enum Record {
        package static let machine = "machine.json"
        package static let domain = "domain.xml"
        package static let serialLog = "serial.log"
        package static let processLog = "qemu.log"
        package static let processID = "qemu.pid"
        package static let powerLock = "power.lock"
        /// The file that QEMU sees as the host's `/etc/resolv.conf`.
        package static let resolver = "resolv.conf"
        /// An empty directory on which QEMU's root is built; only QEMU sees that root.
        package static let root = "root"
    }

    /// A file in QEMU's directory.
    package func file(_ name: String) -> FilePath { path.appending(name) }

    /// pgkvm's trusted records of the machine: a directory that only pgkvm's user writes, and that QEMU cannot reach.
    package var records: FilePath {
        path.removingLastComponent().removingLastComponent().appending("records").appending(path.lastComponent?.string ?? "0")
    }

    /// A file in `records`.
    package func record(_ name: String) -> FilePath { records.appending(name) }
}
