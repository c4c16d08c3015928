internal import ApplianceModel
package import Basics
internal import Crypto
internal import HostSystem
internal import MachineBackend
internal import SystemPackage

/// The base image on the server: uploaded once, under a name that contains the checksum of its content, and kept for the next machine.
///
/// The server copies an upload onto its final name in place. A second upload to the same name would therefore change a file that a creation may be
/// reading. So every upload has its own name, and an existing file is never written to.
extension ProxmoxBackend {
    /// A base image and the properties of its content.
    struct LocalImage: Sendable, Equatable {
        let path: FilePath
        let size: ByteSize
        let checksum: String
        let format: BaseImage.Format

        /// A name that no other upload uses.
        func newName() -> String { Self.name(checksum: checksum, upload: String(UInt32.random(in: 0 ... .max) | 1 << 31, radix: 16), format) }

        /// The server derives the format from the extension.
        static func name(checksum: String, upload: String, _ format: BaseImage.Format) -> String { "pgkvm-\(checksum)-\(upload).\(format.rawValue)" }

        /// Whether a file on the server is a copy of it, judging by its name.
        func isNamed(_ name: some StringProtocol) -> Bool { name.hasPrefix("pgkvm-\(checksum)") && name.hasSuffix(".\(format.rawValue)") }
    }

    /// Reads the image once.
    /// - Throws: `proxmox.image-unfit`, `file.unreadable`.
    static func examine(_ image: BaseImage) throws -> LocalImage {
        let path = FilePath(image.path)
        guard let status = Files.status(path), status.isRegularFile, status.size.bytes > 0 else {
            throw Failure(.proxmoxImageUnfit, "there is no image '\(path)'", remedy: "build or import it again: pgkvm image list")
        }
        // The server would copy one format as the other, and the machine would not boot.
        let isQCOW2 = try Files.read(path, from: 0, limit: 4) == [0x51, 0x46, 0x49, 0xfb]
        guard isQCOW2 == (image.format == .qcow2) else {
            throw Failure(
                .proxmoxImageUnfit, "'\(path)' is called \(image.format.rawValue) and is \(isQCOW2 ? "qcow2" : "no qcow2") by its first bytes",
                remedy: "import it again: pgkvm image import looks at the bytes")
        }
        var hash = SHA256()
        var offset: Int64 = 0
        while offset < status.size.bytes {
            try Task.checkCancellation()
            let bytes = try Files.read(path, from: offset, limit: 8 << 20)
            guard !bytes.isEmpty else { break }
            hash.update(data: bytes)
            offset += Int64(bytes.count)
        }
        return LocalImage(path: path, size: ByteSize(bytes: offset), checksum: hash.finalize().hexadecimal, format: image.format)
    }

    /// The volume of the image on the site's store; uploads the image when it is missing.
    /// - Parameter disks: the space that the machine's disks will take, perhaps on the same store.
    /// - Throws: `proxmox.task-failed` when the uploaded file has another checksum, `proxmox.storage-full`, what the client throws.
    func upload(_ image: LocalImage, to site: Site, beside disks: ByteSize, _ client: PVEClient) async throws -> String {
        let store = site.imageStore.name
        // This comes before the check: a copy that is being written has its full size before it is complete.
        try await letUploadsEnd(client, title: "another upload of the image") { image.isNamed($0) }
        if let volume = try await wholeCopy(of: image, on: site, client) { return volume }
        let others = store == site.store.name ? disks : ByteSize(bytes: 0)
        guard site.imageStore.available - others > image.size else {
            throw Failure(
                .proxmoxStorageFull,
                "the store '\(store)' of node '\(site.node)' has \(site.imageStore.available.mebibytes) MiB free, and the image has \(image.size.mebibytes) MiB"
                    + (others.bytes == 0 ? "" : ", beside the \(disks.mebibytes) MiB of the disks"),
                remedy: "free space there, or name another store in 'machine.proxmox.imageStorage'")
        }
        report("uploading the image to '\(store)' on node '\(site.node)': \(image.size.mebibytes) MiB")
        let name = image.newName()
        let volume = "\(store):import/\(name)"
        do {
            try await client.run(
                .uploadImage(image.path, as: name, checksum: image.checksum, node: site.node, storage: store), title: "the upload of the image",
                limit: timing.copyTask, silence: timing.copySilence, report: report)
        } catch let error as Failure where [.proxmoxTaskFailed, .proxmoxTaskEndless].contains(error.code) {
            // The name belongs to this upload alone, so no other run uses what is left of it.
            try? await withoutCancellation { _ = try await client.data(.deleteVolume(volume, node: site.node)) }
            throw error
        }
        return volume
    }

    /// A copy of full size. A copy of another size is truncated, or is still being written by a task that is not shown to us.
    private func wholeCopy(of image: LocalImage, on site: Site, _ client: PVEClient) async throws -> String? {
        let prefix = "\(site.imageStore.name):import/"
        return try await client.data(.content(node: site.node, storage: site.imageStore.name, type: "import")).elements
            .filter { $0["size"]?.count == image.size.bytes }.compactMap { $0["volid"]?.text }.sorted()
            .first { $0.hasPrefix(prefix) && image.isNamed($0.dropFirst(prefix.count)) }
    }
}

extension Failure.Code {
    /// The content of the image does not match its name.
    package static let proxmoxImageUnfit = Failure.Code("proxmox.image-unfit")
}
