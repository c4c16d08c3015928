internal import ApplianceModel
package import Basics
internal import Crypto
internal import HostSystem
internal import MachineBackend
internal import SystemPackage

/// The base image on the server: uploaded once, under a name with its content's checksum, and kept for the next machine.
///
/// The server copies an upload onto its final name in place, so that a second upload to a name changes a file that a creation may be reading.
/// Every upload therefore has a name of its own, and nothing is ever written to a name that is there.
extension ProxmoxBackend {
    /// A base image with what its bytes say.
    struct LocalImage: Sendable, Equatable {
        let path: FilePath
        let size: ByteSize
        let checksum: String
        let format: BaseImage.Format

        /// A name that no other upload has.
        func newName() -> String { Self.name(checksum: checksum, upload: String(UInt32.random(in: 0 ... .max) | 1 << 31, radix: 16), format) }

        /// The server takes the format from the extension.
        static func name(checksum: String, upload: String, _ format: BaseImage.Format) -> String { "pgkvm-\(checksum)-\(upload).\(format.rawValue)" }

        /// Whether a file on the server is a copy of it, by its name.
        func isNamed(_ name: some StringProtocol) -> Bool { name.hasPrefix("pgkvm-\(checksum)") && name.hasSuffix(".\(format.rawValue)") }
    }

    /// Reads the image once.
    /// - Throws: `proxmox.image-unfit`, `file.unreadable`.
    static func examine(_ image: BaseImage) throws -> LocalImage {
        let path = FilePath(image.path)
        guard let status = Files.status(path), status.isRegularFile, status.size.bytes > 0 else {
            throw Failure(.proxmoxImageUnfit, "there is no image '\(path)'", remedy: "build or import it again: pgkvm image list")
        }
        // The server would copy the one as the other, and the machine would not boot.
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

    /// The volume of the image on the site's store, uploaded when it is not there.
    /// - Parameter disks: the space that the disks of the machine will take, on a store that may be the same.
    /// - Throws: `proxmox.task-failed` when what arrived has another checksum, `proxmox.storage-full`, what the client throws.
    func upload(_ image: LocalImage, to site: Site, beside disks: ByteSize, _ client: PVEClient) async throws -> String {
        let store = site.imageStore.name
        // Before the look: a copy that is being written has its whole size before it is whole.
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
            // The name is this upload's own, so no other run uses what is left of it.
            try? await withoutCancellation { _ = try await client.data(.deleteVolume(volume, node: site.node)) }
            throw error
        }
        return volume
    }

    /// A copy that has all of its bytes. One of another size is cut off, or still being written by somebody whose work is not shown.
    private func wholeCopy(of image: LocalImage, on site: Site, _ client: PVEClient) async throws -> String? {
        let prefix = "\(site.imageStore.name):import/"
        return try await client.data(.content(node: site.node, storage: site.imageStore.name, type: "import")).elements
            .filter { $0["size"]?.count == image.size.bytes }.compactMap { $0["volid"]?.text }.sorted()
            .first { $0.hasPrefix(prefix) && image.isNamed($0.dropFirst(prefix.count)) }
    }
}

extension Failure.Code {
    /// The image is not what its name says.
    package static let proxmoxImageUnfit = Failure.Code("proxmox.image-unfit")
}
