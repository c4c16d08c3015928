internal import ApplianceModel
internal import Basics
internal import HostSystem
internal import MachineBackend
internal import Quoting
internal import SystemPackage

/// The names of a machine's volumes: they contain the deployment's id, so that they never refer to another deployment's volume.
struct VolumeNames {
    let system: String
    let data: String
    let seed: String

    init(_ spec: MachineSpec) { self.init(spec.name.rawValue, spec.deployment) }
    init(_ machine: MachineReference) { self.init(machine.identifier, machine.deployment) }

    private init(_ name: String, _ deployment: DeploymentID) {
        system = "\(name)-\(deployment)-system.qcow2"
        data = "\(name)-\(deployment)-data.raw"
        seed = "\(name)-\(deployment)-seed.iso"
    }

    /// The volumes that a machine cannot run without.
    var disks: [String] { [system, data] }
    var all: [String] { [seed] + disks }
}

/// The disks of a machine in a storage pool.
struct Volumes: Sendable {
    let virsh: Virsh
    let pool: String

    /// The longest time that a copy to the daemon may take: the connection may be slow.
    private static let copyLimit = Duration.seconds(6 * 3600)

    /// Makes the system disk from the base image, in place of any former one.
    /// - Throws: `disk.full`, and what `virsh` throws.
    func createSystemDisk(_ spec: MachineSpec) async throws {
        let name = VolumeNames(spec).system
        try await delete(name)
        try await filling(name) {
            try await create(name, size: spec.systemDisk.size, allocation: ByteSize(bytes: 0), format: "qcow2")
            try await Self.withImage(spec.image) { try await upload($0, to: name) }
            // The copy has the image's own size, which may be larger.
            if try await size(of: name) < spec.systemDisk.size { try await resize(name, to: spec.systemDisk.size, reserves: false) }
        }
    }

    /// Makes the data disk with all its space reserved, in place of any former one.
    /// - Throws: `disk.full`, and what `virsh` throws.
    func createDataDisk(_ spec: MachineSpec) async throws {
        let name = VolumeNames(spec).data
        try await delete(name)
        try await filling(name) { try await create(name, size: spec.dataDiskSize, allocation: spec.dataDiskSize, format: "raw") }
    }

    /// Copies a file into the pool.
    /// - Parameter file: an absolute path on this host.
    func put(_ file: String, size: ByteSize, as name: String) async throws {
        try await delete(name)
        try await filling(name) {
            try await create(name, size: size, allocation: ByteSize(bytes: 0), format: "raw")
            try await upload(file, to: name)
        }
    }

    /// Deletes a volume; it is not an error when it does not exist.
    /// - Throws: `libvirt.pool`: where the pool is gone, its volumes may still exist somewhere.
    func delete(_ name: String) async throws { _ = try await virsh.runIfFound(["vol-delete", "--pool", pool, name]) }

    /// The names of the volumes that do not exist.
    func missing(of names: [String]) async throws -> [String] {
        var missing: [String] = []
        for name in names where try await virsh.runIfFound(["vol-path", "--pool", pool, name]) == nil { missing.append(name) }
        return missing
    }

    /// libvirt's information about the pool.
    /// - Throws: `libvirt.pool` when it is missing or not active.
    func info() async throws -> String {
        let text = try await virsh.run(["pool-info", pool, "--bytes"])
        guard Virsh.value("State", in: text) == "running" else { throw virsh.inactive(pool) }
        return text
    }

    /// The directory on the daemon's host that holds the volumes as files.
    func directory() async throws -> String {
        let text = try await virsh.run(["pool-dumpxml", pool])
        guard let directory = Self.directory(in: text) else {
            throw Failure(
                .libvirtPool, "the storage pool '\(pool)' has no directory, and its volumes are no files",
                remedy: "name a pool of type dir, fs or netfs (machine.libvirt.pool)")
        }
        return directory
    }

    /// - Parameter text: the XML of a pool.
    static func directory(in text: String) -> String? {
        guard text.contains(#/<pool type='(dir|fs|netfs)'/#), let match = text.firstMatch(of: #/<path>([^<]+)<\/path>/#) else { return nil }
        return XMLText.read(match.1)
    }

    /// The size that the guest sees.
    func size(of name: String) async throws -> ByteSize { try await space(of: name).size }

    /// The size that the guest sees, and how much of it the pool has reserved.
    func space(of name: String) async throws -> DataDiskSpace {
        let text = try await virsh.run(["vol-info", "--bytes", "--pool", pool, name])
        func bytes(_ label: String) throws -> ByteSize {
            guard let digits = Virsh.value(label, in: text)?.prefix(while: \.isNumber), let bytes = Int64(digits) else {
                throw Failure(.libvirtRefused, "what libvirt says of the volume '\(name)' cannot be read")
            }
            return ByteSize(bytes: bytes)
        }
        let size = try bytes("Capacity")
        // The file system's own blocks also count as allocated.
        return DataDiskSpace(size: size, reserved: min(size, try bytes("Allocation")))
    }

    /// Grows a volume.
    /// - Parameter reserves: whether its space is reserved too.
    /// - Throws: `disk.full` before anything is reserved, and what `virsh` throws.
    func resize(_ name: String, to size: ByteSize, reserves: Bool) async throws {
        if reserves { try await checkRoom(for: size - self.size(of: name), name) }
        do {
            try await virsh.run(["vol-resize", "--pool", pool, name, "\(size.bytes)"] + (reserves ? ["--allocate"] : []), limit: .seconds(3600))
        } catch let failure as Failure where Self.isFull(failure) {
            throw hasNoRoom(for: name, failure.message)
        }
    }

    /// The free space in the pool.
    func free() async throws -> ByteSize {
        ByteSize(bytes: Virsh.value("Available", in: try await info()).flatMap { Int64($0) } ?? 0)
    }

    /// Refuses what does not fit without trying: libvirt takes all the free space before it fails, and other users of the pool then have none.
    private func checkRoom(for wanted: ByteSize, _ name: String) async throws {
        let free = try await free()
        if free < wanted { throw hasNoRoom(for: name, "\(wanted.mebibytes) MiB are needed, and \(free.mebibytes) MiB are free") }
    }

    /// Whether libvirt reports that the storage is full.
    private static func isFull(_ failure: Failure) -> Bool {
        failure.code == .libvirtRefused && LibvirtReason(failure.message) == .full
    }

    private func hasNoRoom(for name: String, _ reason: String) -> Failure {
        Failure(
            .diskFull, "the storage pool '\(pool)' has no room for '\(name)': \(reason)",
            remedy: "free space in the pool (\(virsh.lines("pool-info \(pool)"))), or ask for a smaller disk")
    }

    private func create(_ name: String, size: ByteSize, allocation: ByteSize, format: String) async throws {
        try await checkRoom(for: allocation, name)
        try await virsh.run(
            ["vol-create-as", pool, name, "\(size.bytes)", "--allocation", "\(allocation.bytes)", "--format", format], limit: Self.copyLimit)
    }

    private func upload(_ file: String, to name: String) async throws {
        // Holes are sent too: libvirt would skip them in the volume, and leave there what it wrote at the creation.
        try await virsh.run(["vol-upload", "--pool", pool, name, file], limit: Self.copyLimit)
    }

    /// Removes a volume that could not be completed.
    private func filling(_ name: String, _ body: () async throws -> Void) async throws {
        do {
            try await body()
        } catch {
            try? await withoutCancellation { try await delete(name) }
            guard let failure = error as? Failure, Self.isFull(failure) else { throw error }
            throw hasNoRoom(for: name, failure.message)
        }
    }

    /// The base image as a self-contained qcow2 file.
    private static func withImage(_ image: BaseImage, _ body: (String) async throws -> Void) async throws {
        guard image.format == .raw else { return try await body(image.path) }
        let directory = try Files.createTemporaryDirectory(in: "/var/tmp", prefix: "pgkvm")
        defer { try? Files.remove(directory) }
        let copy = directory.appending("image.qcow2").string
        _ = try await ProgramRunner.check("qemu-img", ["convert", "-O", "qcow2", "-f", "raw", "--", image.path, copy])
        try await body(copy)
    }
}
