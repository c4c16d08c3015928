internal import ApplianceModel
internal import Basics
internal import HostSystem
internal import MachineBackend
internal import Quoting
internal import SystemPackage

/// The unit that starts an appliance when the host boots: it runs `pgkvm start`, which creates the unit that QEMU runs in. Pure.
struct BootUnit: Sendable {
    let name: ApplianceName
    /// The path of this program.
    let program: String
    let state: FilePath
    let isRoot: Bool

    /// The target that starts the unit at boot.
    var target: String { isRoot ? "multi-user.target" : "default.target" }

    static func fileName(of name: ApplianceName) -> String { "pgkvm@\(name).service" }

    /// - Throws: `unsupported` for a path that cannot be written in a unit file.
    var text: String {
        get throws {
            // The host does not wait for an appliance: the unit counts as started as soon as its program runs. If something is not ready by then,
            // such as a device, the unit retries until it is. The colon keeps systemd from expanding `$`.
            return """
                # Made by pgkvm. 'pgkvm autostart \(name) off' and 'pgkvm delete \(name)' remove it.
                [Unit]
                Description=Start of the PostgreSQL appliance \(name)
                RequiresMountsFor=\(try Self.places(of: StateDirectory(path: state).appliance(name).machine()).map { try Self.word($0).text }.joined(separator: " "))\(order)
                StartLimitIntervalSec=1d
                StartLimitBurst=20

                [Service]
                Type=exec
                NotifyAccess=main
                \(try ownLine)
                ExecStart=:\(try Self.naming(program) { try UnitText.program(program, inFile: true) }) start \(name)
                Restart=on-failure
                RestartSec=15
                # How 'pgkvm start' ends when it is stopped.
                SuccessExitStatus=130
                UMask=0077

                [Install]
                WantedBy=\(target)

                """
        }
    }

    /// What must exist at boot, in the system's manager, which knows it. A bridge may be libvirt's. The machine's own unit must not be named:
    /// systemd would keep one that ended for as long as this one is loaded, and would not start another with its name.
    private var order: String {
        guard isRoot else { return "" }
        return """

            Wants=network-online.target
            After=network-online.target libvirtd.service virtnetworkd.service
            """
    }

    /// The properties requested from systemd to see how a start is going.
    static let shownProperties = ["ActiveState", "StatusText"]

    /// How a start is going, according to the properties that systemd shows. Pure.
    /// - Parameter log: the command that shows the unit's output.
    static func start(_ shown: [String: String], log: String) -> HostStart? {
        let status = shown["StatusText"].flatMap { $0.isEmpty ? nil : SpecRules.escaped($0, limit: 400) }
        switch shown["ActiveState"] {
        case "active", "deactivating", "reloading": return .underWay(doing: status)
        // The program runs as soon as the unit is active; between two attempts the unit is activating.
        case "activating": return .failing(reason: status)
        case "failed": return .failed(reason: status, remedy: log)
        default: return nil
        }
    }

    /// The directories whose mounts a machine needs: the directory of its disks, whose path begins with the state directory, and its real path.
    static func places(of machine: MachineDirectory) -> [String] {
        let real = (try? Files.realPath(machine.path)) ?? machine.path
        return real == machine.path ? [machine.path.string] : [machine.path.string, real.string]
    }

    /// The line that distinguishes a unit of this state directory from a unit of another one.
    var ownLine: String { get throws { "Environment=\(try Self.word("PGKVM_HOME=\(state)"))" } }

    private static func word(_ text: String) throws -> UnitText { try naming(text) { try UnitText(fileWord: text) } }

    /// - Throws: `unsupported` for a path that cannot be written in a unit file.
    static func naming(_ path: String, _ quote: () throws -> UnitText) throws -> UnitText {
        try Failure.naming("a unit of systemd cannot name '\(path)': it", .unsupported, remedy: "choose another directory", quote)
    }
}
