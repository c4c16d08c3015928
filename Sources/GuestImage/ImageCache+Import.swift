internal import ApplianceModel
internal import Basics
internal import Glibc
internal import HostSystem
internal import Quoting
internal import SystemPackage

extension ImageCache {
    /// Adds an image from a local file or an http(s) URL to the cache, unless it is there already.
    ///
    /// An interrupted download is continued, by this call or by a later one.
    /// - Parameters:
    ///   - source: a path, or an address that begins with `http://` or `https://`.
    ///   - checksum: the published checksum of the file; the content is accepted only if it matches.
    ///   - name: the image's name in the cache; nil uses the name of the file without its extension.
    ///   - progress: called with a description of the current work.
    /// - Throws: `image.checksum-mismatch`, `image.format-refused`, `image.download-failed`, `input.invalid`, `file.unreadable`,
    ///   `file.unwritable`, `program.missing`.
    package func importImage(
        from source: String, checksum: ImageChecksum, name: String? = nil, progress: @escaping @Sendable (ImageProgress) -> Void
    ) async throws -> CachedImage {
        let name = try Self.checkedName(name ?? Self.defaultName(of: source))
        let key = ImageRecipe.key(imported: checksum)
        if let image = try image(key: key), image.name == name { return image }
        return try await exclusively(progress: progress) { work in
            if let image = try image(key: key), image.name == name { return image }
            let file = work.path.appending("import")
            if source.begins(with: "http://") || source.begins(with: "https://") {
                try await download(source, checksum: checksum, to: file, headers: work.path.appending("headers"), progress: progress)
            } else {
                progress("copying and checking '\(source)'")
                try copy(FilePath(source), checksum: checksum, to: file, progress: progress)
            }
            let format = try DiskImage.format(head: DiskImage.head(of: file), source: source)
            let start = try await DiskImage.start(of: file, format: format, scratch: work.path)
            try await DiskImage.check(file, format: format, start: start, source: source)
            return try await keep(
                file, catalogue: nil, work: work, key: key, name: name, origin: .imported(source), format: format, firmware: DiskImage.firmware(start: start),
                postgresqlVersion: nil)
        }
    }

    /// The file with the part of a download that has arrived; its name identifies the wanted content, so another source may continue it.
    private func partialPath(_ checksum: ImageChecksum) -> FilePath {
        directory.appending(".partial.\(checksum.algorithm.rawValue).\(checksum.digest)")
    }

    private func download(
        _ url: String, checksum: ImageChecksum, to file: FilePath, headers: FilePath, progress: @escaping @Sendable (ImageProgress) -> Void
    ) async throws {
        let partial = partialPath(checksum)
        progress("downloading \(url)")
        try await Download(url: url, partial: partial, headers: headers, progress: progress).run()
        progress("checking the checksum")
        do {
            try checksum.check(digest(of: partial, algorithm: checksum.algorithm), source: url)
        } catch let failure as Failure where failure.code == .imageChecksumMismatch {
            // Continuing a wrong file would never make it right.
            try Files.remove(partial)
            throw failure
        }
        try Files.rename(partial, to: file)
    }

    private func digest(of path: FilePath, algorithm: ImageChecksum.Algorithm) throws -> String {
        var hasher = ChecksumHasher(algorithm)
        let file = try FileDescriptor.open(path, .readOnly, options: .closeOnExec)
        _ = try file.closeAfter { try hasher.update(from: file, offset: 0) }
        return hasher.finish()
    }

    /// Copies a file and hashes the bytes that are written, so that the copy is what was checked.
    private func copy(_ source: FilePath, checksum: ImageChecksum, to target: FilePath, progress: (ImageProgress) -> Void) throws {
        guard let status = Files.status(source) else {
            throw Failure(.fileUnreadable, "there is no file '\(source)'", remedy: "give the path of a disk image or an http(s) address")
        }
        if let kind = Self.kind(of: status) {
            throw Failure(.fileUnreadable, "'\(source)' is \(kind) and not a file", remedy: "give the path of a disk image or an http(s) address")
        }
        let free = try Files.freeSpace(at: target.removingLastComponent())
        guard status.size < free else {
            throw Failure(
                .diskFull, "'\(source)' takes \(status.size.mebibytes) MiB, and \(free.mebibytes) MiB are free in '\(directory)'",
                remedy: "free space, or set XDG_CACHE_HOME to a directory that has it")
        }
        var hasher = checksum.makeHasher()
        var copied: Int64 = 0
        do {
            // A file may have been replaced by a pipe a moment ago, and opening that would wait for its other end.
            let input = try FileDescriptor.open(source, .readOnly, options: [.closeOnExec, .nonBlocking])
            try input.closeAfter {
                let output = try FileDescriptor.open(
                    target, .writeOnly, options: [.create, .exclusiveCreate, .closeOnExec], permissions: .ownerReadWrite)
                try output.closeAfter {
                    var chunk = [UInt8](repeating: 0, count: 1 << 20)
                    while true {
                        try Task.checkCancellation()
                        let count = try chunk.withUnsafeMutableBytes { try input.read(into: $0) }
                        if count == 0 { break }
                        hasher.update(chunk[..<count])
                        try output.writeAll(chunk[..<count])
                        copied += Int64(count)
                        progress(
                            ImageProgress(
                                "copied \(ByteSize(bytes: copied).mebibytes) of \(status.size.mebibytes) MiB", bytes: copied, of: status.size.bytes))
                    }
                }
            }
        } catch let error as Errno {
            throw Failure(
                .fileUnwritable, "cannot copy '\(source)' to '\(target)'",
                remedy: error == .noSpace ? "free space in \(ShellWord.quoted(directory.string))" : nil, cause: error)
        }
        try checksum.check(hasher.finish(), source: source.string)
    }

    /// A description of anything that is not a regular file; nil for a file.
    private static func kind(of status: FileStatus) -> String? {
        switch status.mode & S_IFMT {
        case S_IFREG: nil
        case S_IFDIR: "a directory"
        case S_IFIFO: "a named pipe"
        case S_IFCHR: "a character device"
        case S_IFBLK: "a block device"
        case S_IFSOCK: "a socket"
        default: "something else"
        }
    }

    private static func defaultName(of source: String) -> String {
        let path = source.split(at: "?", maxSplits: 1).first.map(String.init) ?? source
        return FilePath(path).lastComponent?.stem ?? ""
    }

    /// A name that can be typed, and that cannot be mistaken for a release or a key.
    private static func checkedName(_ name: String) throws -> String {
        let first = name.first.map { $0.isASCII && ($0.isLetter || $0.isNumber) } ?? false
        let valid = first && name.utf8.count <= 100 && name.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "._+-".contains($0)) }
        guard valid, DebianRelease(rawValue: name) == nil else {
            throw Failure(
                .invalidInput, "an imported image cannot be called '\(name)'",
                remedy: "give a --name of letters, digits, '.', '_', '+' and '-' that is not the name of a release")
        }
        return name
    }
}
