internal import ApplianceModel
internal import ArgumentParser
internal import Basics
internal import Deployment
internal import GuestImage
internal import HostSystem
internal import LibvirtBackend
internal import ProxmoxBackend
internal import QEMUBackend
internal import Quoting
internal import SystemPackage
internal import Workflow

/// The only place that knows which backend to use and where files are.
enum Composition {
    static func environment() throws -> ApplianceEnvironment {
        let state = StateDirectory(path: try statePath())
        let qemu = QEMUBackend(state: state, program: executable, unitDirectory: try unitDirectory(), report: { StepProgress.report($0) })
        return ApplianceEnvironment(state: state, images: ImageCache(directory: try cachePath().appending("images"))) { machine in
            switch machine.backend {
            case .qemu: qemu
            case .libvirt: LibvirtBackend(machine.libvirt ?? ApplianceSpec.Libvirt(), state: state)
            case .proxmox:
                // The rules of a spec guarantee that this section exists.
                ProxmoxBackend(
                    connection: ProxmoxConnection(machine.proxmox ?? ApplianceSpec.Proxmox(url: "", storage: "")), environment: EnvironmentVariable.value,
                    report: { StepProgress.report($0) })
            }
        }
    }

    /// Where systemd looks for units: the system's for root, the user's own for others.
    private static func unitDirectory() throws -> FilePath {
        if HostEnvironment.isRoot { return "/etc/systemd/system" }
        let base = EnvironmentVariable.value("XDG_CONFIG_HOME")
        if let base, base.begins(with: "/") { return FilePath(base).appending("systemd/user") }
        return try home("XDG_CONFIG_HOME").appending(".config/systemd/user")
    }

    /// `$PGKVM_HOME`, or else `/var/lib/pgkvm` for root, or else `$XDG_STATE_HOME/pgkvm`.
    private static func statePath() throws -> FilePath {
        if let home = EnvironmentVariable.value("PGKVM_HOME"), !home.isEmpty { return try absolute(home) }
        if HostEnvironment.isRoot { return "/var/lib/pgkvm" }
        return try userDirectory("XDG_STATE_HOME", fallback: ".local/state")
    }

    private static func cachePath() throws -> FilePath { try userDirectory("XDG_CACHE_HOME", fallback: ".cache") }

    private static func userDirectory(_ variable: String, fallback: String) throws -> FilePath {
        if let base = EnvironmentVariable.value(variable), base.begins(with: "/") { return FilePath(base).appending("pgkvm") }
        return try home(variable).appending(fallback).appending("pgkvm")
    }

    private static func home(_ variable: String) throws -> FilePath {
        guard let home = HostEnvironment.homeDirectory else {
            throw Failure(.invalidInput, "neither \(variable) nor HOME is set", remedy: "set \(variable) to a directory")
        }
        return FilePath(home)
    }

    private static func absolute(_ path: String) throws -> FilePath {
        path.begins(with: "/") ? FilePath(path) : try Files.currentDirectory().appending(path)
    }

    /// The path of this program.
    static var executable: String { (try? Files.linkTarget("/proc/self/exe").string) ?? "pgkvm" }
}

enum OutputFormat: String, ExpressibleByArgument, CaseIterable { case text, json }

/// The option of every command that prints a report.
struct FormatOption: ParsableArguments {
    @Option(help: "Format of the result")
    var format: OutputFormat = .text
}

/// The argument of every command about one appliance.
struct NameArgument: ParsableArguments {
    @Argument(help: "Name of the appliance", completion: .applianceNames)
    var name: String

    func open() throws -> Appliance { try Appliance.open(name, in: Composition.environment()) }

    /// The remains of an appliance whose journal cannot be used; nil for one that can be opened.
    func damaged() throws -> DamagedAppliance? { try DamagedAppliance(name, in: Composition.environment()) }

    /// Opens the appliance for a command whose actions are to be recorded in the appliance's debug log.
    func openForWork() throws -> Appliance {
        let appliance = try open()
        DebugLog.current?.keep(in: appliance.directory.debugLog)
        return appliance
    }
}
