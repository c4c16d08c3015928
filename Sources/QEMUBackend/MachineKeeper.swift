package import ApplianceModel
package import Basics
internal import Glibc
internal import HostSystem
internal import MachineBackend
internal import Quoting
package import SystemPackage

/// The command in front of QEMU: it starts QEMU as the machine's own user, in a place where QEMU sees only what it needs, and stays until QEMU ends.
///
/// It is a hidden command of this program, like `NetworkHandover`, so that it is the same with either supervisor. It receives QEMU's messages
/// and the guest's console output through pipes and writes the logs: QEMU itself can write only to its own directory.
package struct MachineKeeper: Sendable, Equatable {
    /// The hidden command of this program.
    package static let commandName = "run-machine"
    /// The file set that gives QEMU the pipe of the console's log.
    private static let consoleSet = 1
    /// The size to which a log may grow, and what is kept of it then.
    package static let logLimit = ByteSize.mebibytes(4)
    static let logKept = ByteSize.mebibytes(1)

    /// The machine's directory, in which QEMU runs.
    package var directory: MachineDirectory
    /// Nil for the caller.
    package var user: QEMUUser.IDs?
    package var usesKVM: Bool
    /// The number of descriptors, from 3 on, that QEMU inherits from the command before this one.
    package var descriptorCount: Int
    /// The directory of the firmware's code; nil for QEMU's own.
    package var firmware: FilePath?

    package init(directory: MachineDirectory, user: QEMUUser.IDs?, usesKVM: Bool, descriptorCount: Int, firmware: FilePath?) {
        self.directory = directory
        self.user = user
        self.usesKVM = usesKVM
        self.descriptorCount = descriptorCount
        self.firmware = firmware
    }

    /// The words in front of QEMU's command.
    /// - Parameter words: a description of a user who is not chosen yet; nil for the keeper's own user.
    func command(program: String, user words: String? = nil) -> [String] {
        [program, Self.commandName, "--machine", directory.path.string] + ((words ?? user?.description).map { ["--user", $0] } ?? [])
            + (usesKVM ? ["--kvm"] : [])
            + (descriptorCount > 0 ? ["--descriptors", "\(descriptorCount)"] : []) + (firmware.map { ["--firmware", $0.string] } ?? []) + ["--"]
    }

    /// The options that give QEMU the pipe of the console's log.
    static var consoleArguments: [String] { ["-add-fd", "fd=\(ConfinedProgram.consoleNumber),set=\(consoleSet)"] }
    /// The file that QEMU opens to write the console's log.
    static var consoleFile: String { "/dev/fdset/\(consoleSet)" }

    /// Starts QEMU and waits until it ends. The calling process must have only one thread and do nothing else.
    /// - Parameter command: QEMU and its arguments.
    /// - Returns: its exit status.
    /// - Throws: the reason why QEMU cannot be started.
    package func run(_ command: [String]) throws -> Int32 {
        try Files.createDirectory(directory.records)
        let console = try openRecord(MachineDirectory.Record.serialLog)
        let words = try openRecord(MachineDirectory.Record.processLog)
        let resolver = try copyOfResolver()
        let started = try program(command, hasOwnResolver: resolver != nil).start()
        let identity = QEMUProcess.Identity(id: started.processID, startTime: ProcessStart.time(of: started.processID))
        try Files.write(identity.text, to: directory.record(MachineDirectory.Record.processID))
        // The directory belongs to the machine, and is removed with it.
        _ = chdir("/")
        return started.keep(
            console: .init(file: console, limit: Self.logLimit, kept: Self.logKept), words: .init(file: words, limit: Self.logLimit, kept: Self.logKept),
            copy: resolver)
    }

    private func openRecord(_ name: String, mode: FilePermissions = .ownerReadWrite) throws -> FileDescriptor {
        let path = directory.record(name)
        do {
            return try FileDescriptor.open(path, .readWrite, options: [.create, .closeOnExec, .noFollow], permissions: mode)
        } catch {
            throw Failure(.fileUnwritable, "cannot open '\(path)'", cause: error)
        }
    }

    private var hasOwnRoot: Bool { user != nil }

    /// The host's resolver file is replaced by another file with the same name when its network changes: QEMU gets a copy that is kept up to date.
    private func copyOfResolver() throws -> StartedProgram.Copy? {
        guard hasOwnRoot else { return nil }
        let name = MachineDirectory.Record.resolver
        let copy = StartedProgram.Copy(source: "/etc/resolv.conf", file: try openRecord(name, mode: [.ownerReadWrite, .groupRead, .otherRead]))
        guard fchmod(copy.file.rawValue, 0o644) == 0 else {
            throw Failure(.fileUnwritable, "cannot open '\(name)' for QEMU", cause: Errno(rawValue: errno))
        }
        copy.refresh()
        return copy
    }

    /// QEMU, and the files that it sees.
    func program(_ command: [String], hasOwnResolver: Bool) throws -> ConfinedProgram {
        guard let name = command.first else { throw Failure(.programFailed, "there is no program to keep") }
        let executable = try ProgramRunner.find(name)
        var root: FilePath?
        if hasOwnRoot {
            let place = directory.record(MachineDirectory.Record.root)
            try Files.createDirectory(place)
            root = place
        }
        let resolver: [ConfinedProgram.View] =
            hasOwnResolver ? [.init("/etc/resolv.conf", source: directory.record(MachineDirectory.Record.resolver))] : []
        let library = LibraryView.present()
        return ConfinedProgram(
            root: root, views: library.views + programViews(executable) + resolver + deviceViews + [ConfinedProgram.View(directory.path, .write)],
            links: library.links, directory: directory.path,
            user: user.map { ConfinedProgram.User(user: $0.user, group: $0.group, groups: usesKVM ? [QEMUUser.kvmGroup].compactMap(\.self) : []) },
            descriptorCount: descriptorCount, command: [executable.string] + command.dropFirst(),
            environment: hasOwnRoot ? ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"] : nil)
    }

    private var deviceViews: [ConfinedProgram.View] {
        [.init("/dev/null", .device), .init("/dev/urandom", .device)] + (usesKVM ? [.init("/dev/kvm", .device)] : [])
    }

    /// The program, its accompanying files, and the firmware.
    private func programViews(_ executable: FilePath) -> [ConfinedProgram.View] {
        let real = (try? Files.realPath(executable)) ?? executable
        var paths: [FilePath] = [executable, "/usr/share/qemu", "/usr/share/seabios", "/usr/share/qemu-kvm", "/etc/ld.so.cache"]
        if let firmware { paths.append(firmware) }
        // A QEMU that is not the system's has all its files below one directory.
        let prefix = real.removingLastComponent().removingLastComponent()
        if real.starts(with: "/nix/store") || real.starts(with: "/gnu/store") {
            paths.append(FilePath(real.string.begins(with: "/nix") ? "/nix/store" : "/gnu/store"))
        } else if prefix != "/usr", prefix != "/" {
            paths.append(prefix)
        }
        return paths.map { ConfinedProgram.View($0) }
    }
}

/// The host's libraries, at the places where the loader looks for them.
enum LibraryView {
    static func present() -> (views: [ConfinedProgram.View], links: [ConfinedProgram.Link]) {
        var views: [ConfinedProgram.View] = ["/usr/lib", "/usr/lib64", "/usr/local/lib"].map { ConfinedProgram.View($0) }
        var links: [ConfinedProgram.Link] = []
        for path in ["/lib", "/lib64"] as [FilePath] {
            if let target = try? Files.linkTarget(path) {
                links.append(.init(path, to: target))
            } else {
                views.append(.init(path))
            }
        }
        return (views, links)
    }
}
