internal import ApplianceModel
internal import Basics
internal import HostSystem
internal import PostgresServer
internal import Quoting
internal import SystemPackage

/// Builds the disk of a Debian image: packages through mmdebstrap, file systems without mounting and without root.
struct ImageBuilder: Sendable {
    let recipe: ImageRecipe
    /// The directory in which the disk is made. It belongs to this build alone.
    let work: WorkDirectory
    let progress: @Sendable (ImageProgress) -> Void

    static let programs = ["mmdebstrap", "mke2fs", "debugfs", "mcopy", "mkfs.vfat", "sgdisk", "qemu-img", "flock", "unshare", "setpriv"]

    /// The result of a build.
    struct Product {
        /// qcow2 without compression: it is read at every boot and uses only the space that it needs.
        let disk: FilePath
        /// What the image's PostgreSQL reports about itself; nil where it could not be asked.
        let catalogue: ServerCatalogue?
    }

    func build() async throws -> Product {
        for program in Self.programs { _ = try ProgramRunner.find(program) }
        try BuildSpace(cache: work.path).check()
        let namespace = try await BuildNamespace.available()
        let scratch = try await work.makeScratch()
        let keys = try Keyrings(mirror: recipe.mirror, scratch: scratch)
        let script = scratch.appending("customize.sh")
        try Files.write(ImageRecipe.customization, to: script, mode: .readableByAll)
        try Files.write(ServerCatalogue.question, to: scratch.appending("question.sql"), mode: .readableByAll)

        let layout = DiskLayout()
        let disk = work.path.appending("disk.raw")
        let list = work.path.appending("list")
        let answer = work.path.appending("catalogue")
        try await makeEmptyDisk(disk, layout: layout)
        for path in [list, answer] { try Files.write("", to: path) }
        // The root user of the user namespace is a different user from the owner of the file.
        for path in [disk, list, answer] { _ = try await ProgramRunner.check("chmod", ["0666", path.string]) }

        try Files.write(recipe.mirror.fetchOptions, to: Self.fetchOptions(in: scratch), mode: .readableByAll)
        try writeGuestFiles(scratch)
        try await unpack(
            mmdebstrapArguments(namespace: namespace, keys: keys, script: script, fetchOptions: Self.fetchOptions(in: scratch)), files: [disk, list, answer],
            environment: environment(layout: layout, keys: keys, scratch: scratch))
        try await work.removeScratch()

        progress("reading owners, modes and capabilities back")
        let offset = DiskLayout.rootOffset.bytes
        try await ImageVerification(list: try Files.readText(list)).check(fileSystem: "\(disk)?offset=\(offset)")

        progress("converting to qcow2")
        let image = work.path.appending("disk.qcow2")
        try await FileGrowth.telling(of: image, as: "converting to qcow2", progress: progress) {
            _ = try await ProgramRunner.check("qemu-img", ["convert", "-f", "raw", "-O", "qcow2", disk.string, image.string])
        }
        try Files.remove(disk)
        return Product(disk: image, catalogue: try catalogue(answer))
    }

    /// An image without a catalogue works as well for a guest, which is asked later; so a missing catalogue is not an error.
    private func catalogue(_ answer: FilePath) throws -> ServerCatalogue? {
        let json = try Files.read(answer, from: 0, limit: ServerCatalogue.largestSize + 1)
        guard !json.isEmpty else { return nil }
        do {
            return try ServerCatalogue(json: json, source: answer.string)
        } catch let failure as Failure {
            progress("specs are judged in the guest only: \(failure.message)")
            return nil
        }
    }

    private static func fetchOptions(in scratch: FilePath) -> FilePath { scratch.appending("apt.conf") }

    /// Writes the files that the guest needs besides its packages, numbered, with a list of their destinations.
    private func writeGuestFiles(_ scratch: FilePath) throws {
        var list = ""
        for (number, (path, content)) in recipe.mirror.filesOfGuest.sorted(by: { $0.key < $1.key }).enumerated() {
            try Files.write(content, to: scratch.appending("guest-file-\(number)"), mode: .readableByAll)
            list += "\(number) \(path)\n"
        }
        try Files.write(list, to: scratch.appending("guest-files"), mode: .readableByAll)
    }

    private func makeEmptyDisk(_ disk: FilePath, layout: DiskLayout) async throws {
        _ = try await ProgramRunner.check("truncate", ["--size=\(DiskLayout.diskSize.bytes)", disk.string])
        _ = try await ProgramRunner.check("sgdisk", layout.partitionArguments(disk: disk.string))
        _ = try await ProgramRunner.check("mkfs.vfat", layout.espArguments(disk: disk.string))
    }

    /// Runs mmdebstrap with the disk, the list and the catalogue as descriptors 20, 21 and 23: the namespace's users may not enter their
    /// directory. Descriptor 22 holds the lock that shows a later build that this mmdebstrap is still running. The numbers are above
    /// 9 because mmdebstrap passes its own descriptors to dash, which supports only one digit; hence bash here.
    private func unpack(_ arguments: [String], files: [FilePath], environment: [String: String]) async throws {
        let script = #"umask 022; exec 20<>"$1" 21>"$2" 23>"$3" 22>"$4" && flock --nonblock 22 || exit 1; shift 4; exec mmdebstrap "$@""#
        let progress = progress
        let command = ["-c", script, "bash"] + files.map(\.string) + [work.lock.string] + arguments
        try await FileGrowth.telling(of: files[0], as: "writing the file system", progress: progress) {
            let result = try await ProgramRunner.run("bash", command, environment: environment) { line in
                DebugLog.write(.debug, line)
                if let stage = Self.stage(of: line) { progress(ImageProgress(stage)) }
            }
            guard result.status == 0 else {
                try Task.checkCancellation()
                throw Failure(
                    .programFailed, "mmdebstrap ended with status \(result.status):\n    \(Self.reason(in: result.errorText).joined(separator: "\n    "))")
            }
        }
    }

    /// The lines of mmdebstrap's output that explain its failure: those around the first error, and the last ones. The lines in between
    /// report what else could not be done as a result.
    static func reason(in output: String) -> [String] {
        let lines = output.split(at: "\n").map(String.init)
        let end = max(0, lines.count - 4)
        guard let error = lines.firstIndex(where: { line in ["dpkg: error", "E: "].contains(where: line.hasPrefix) }), error + 4 < end else {
            return lines.suffix(12)
        }
        let first = lines[max(0, error - 7)...(error + 3)]
        return first + ["..."] + lines[end...]
    }

    /// What a line on standard error from mmdebstrap or the script means for a user; nil when it means nothing.
    static func stage(of line: String) -> String? {
        if line.begins(with: "pgkvm: ") { return String(line.dropFirst("pgkvm: ".count)) }
        let told = ["running apt-get", "downloading", "extracting", "installing"]
        guard line.begins(with: "I: "), told.contains(where: line.dropFirst(3).hasPrefix) else { return nil }
        return String(line.dropFirst(3)).replacing("...", with: "")
    }

    func mmdebstrapArguments(namespace: BuildNamespace, keys: Keyrings, script: FilePath, fetchOptions: FilePath) -> [String] {
        let suite = recipe.release.suite
        let mirror = recipe.mirror
        let main = "deb [\(mirror.main.options(keys: keys.main.onHost))] \(mirror.main.uri)"
        let security = "deb [\(mirror.security.options(keys: keys.security.onHost))] \(mirror.security.uri)"
        return [
            "--variant=minbase", "--mode=\(namespace.rawValue)", "--format=null", "--architectures=amd64",
            // The script itself cleans up, before the file system is written.
            "--skip=cleanup/apt,cleanup/reproducible", "--aptopt=Acquire::Languages \"none\"", "--dpkgopt=force-unsafe-io",
            // A file rather than an argument: a proxy's address may contain a password.
            "--aptopt=\(fetchOptions)",
        ] + ImageRecipe.excludedPaths.map { "--dpkgopt=\($0)" } + [
            "--include=\(recipe.packages.joined(separator: ","))", "--customize-hook=sh '\(script)' \"$1\"", suite, "/dev/null",
            "\(main) \(suite) main", "\(main) \(suite)-updates main", "\(security) \(suite)-security main",
        ]
    }

    private func environment(layout: DiskLayout, keys: Keyrings, scratch: FilePath) -> [String: String] {
        [
            "SUITE": recipe.release.suite, "MIRROR": DebianMirror.guestURI(recipe.mirror.main, list: DebianMirror.mainList),
            "SECURITY_MIRROR": DebianMirror.guestURI(recipe.mirror.security, list: DebianMirror.securityList),
            "MIRROR_FIELDS": recipe.mirror.main.guestFields, "SECURITY_MIRROR_FIELDS": recipe.mirror.security.guestFields,
            "SIGNED_BY": keys.main.inGuest, "SECURITY_SIGNED_BY": keys.security.inGuest, "POSTGRESQL": String(recipe.release.postgresqlVersion),
            "ROOT_UUID": layout.rootUUID, "ESP_UUID": layout.espUUID, "ESP_OFFSET": String(DiskLayout.espOffset.bytes),
            "ROOT_OFFSET": String(DiskLayout.rootOffset.bytes), "ROOT_SIZE": String(DiskLayout.rootSize.bytes), "SCRATCH": scratch.string,
            // dpkg looks for a user's configuration, which the namespace may not read.
            "TMPDIR": scratch.string, "HOME": scratch.string, "LC_ALL": "C.UTF-8",
        ]
    }
}

extension FilePermissions {
    static let readableByAll: FilePermissions = [.ownerReadWrite, .groupRead, .otherRead]
}
