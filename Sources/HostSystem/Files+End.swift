internal import ApplianceModel
package import SystemPackage

extension Files {
    /// Reads the last bytes of a file that may be of any size; nil when there is none.
    ///
    /// A file of /proc has no size, and is read from its start.
    /// - Throws: `file.unreadable`, also for what is no regular file: a pipe may never end.
    package static func readEndIfPresent(_ path: FilePath, limit: Int) throws -> [UInt8]? {
        do {
            // A pipe without a writer would hold a blocking open for ever.
            let file = try FileDescriptor.open(path, .readOnly, options: [.closeOnExec, .nonBlocking])
            return try file.closeAfter {
                guard let status = status(of: file), status.isRegularFile else { throw Failure(.fileUnreadable, "'\(path)' is not a regular file") }
                let start = max(0, status.size.bytes - Int64(limit))
                var bytes: [UInt8] = []
                var chunk = [UInt8](repeating: 0, count: 65_536)
                while bytes.count < limit {
                    let count = try unsafe chunk.withUnsafeMutableBytes { try unsafe file.read(fromAbsoluteOffset: start + Int64(bytes.count), into: $0) }
                    if count == 0 { break }
                    bytes += chunk[..<min(count, limit - bytes.count)]
                }
                return bytes
            }
        } catch let error as Errno where error == .noSuchFileOrDirectory {
            return nil
        } catch let error as Errno {
            throw Failure(.fileUnreadable, "cannot read '\(path)'", cause: error)
        }
    }
}
