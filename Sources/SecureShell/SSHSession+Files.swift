internal import ApplianceModel
internal import Basics
internal import CLibSSH2
internal import Glibc
internal import Quoting

/// An open file on the server.
@safe private final class RemoteFile {
    let session: SSHSession
    private let raw: OpaquePointer
    private var isOpen = true

    init(_ path: String, flags: Int32, mode: UInt16, in session: SSHSession) throws {
        let opened = try unsafe session.answering {
            let transfer = try unsafe session.startFileTransfer()
            return try unsafe session.file("open '\(path)'") {
                try unsafe session.obtain("open '\(path)'") {
                    unsafe libssh2_sftp_open_ex(transfer, path, UInt32(path.utf8.count), UInt(flags), Int(mode), LIBSSH2_SFTP_OPENFILE)
                }
            }
        }
        unsafe raw = opened
        self.session = session
    }

    /// A handle that cannot be closed without waiting is freed with the session.
    deinit { if isOpen { unsafe libssh2_sftp_close_handle(raw) } }

    /// One request and its answer.
    @discardableResult
    private func answered(_ operation: String, _ call: () -> Int) throws -> Int {
        try session.answering { try session.complete(operation, call) }
    }

    func write(_ bytes: [UInt8], _ operation: String) throws {
        var rest = bytes[...]
        while !rest.isEmpty {
            let part = rest.prefix(256 << 10)
            let count = try answered(operation) {
                unsafe part.withUnsafeBytes { unsafe libssh2_sftp_write(raw, $0.baseAddress?.assumingMemoryBound(to: CChar.self), $0.count) }
            }
            guard (1...part.count).contains(count) else { throw Failure(.sshFileTransfer, "cannot \(operation) in the guest: the server took \(count) bytes") }
            rest.removeFirst(count)
        }
    }

    /// Reads up to the capacity of `buffer`, in bytes; none at the end.
    func read(into buffer: inout [UInt8], _ operation: String) throws -> Int {
        try answered(operation) {
            unsafe buffer.withUnsafeMutableBytes { unsafe libssh2_sftp_read(raw, $0.baseAddress?.assumingMemoryBound(to: CChar.self), $0.count) }
        }
    }

    func setMode(_ mode: UInt16, _ operation: String) throws {
        var attributes = LIBSSH2_SFTP_ATTRIBUTES()
        attributes.flags = UInt(LIBSSH2_SFTP_ATTR_PERMISSIONS)
        attributes.permissions = UInt(mode)
        try answered(operation) { Int(unsafe libssh2_sftp_fstat_ex(raw, &attributes, 1)) }
    }

    /// Makes the content durable, if the server supports that; it may take as long as the disk needs.
    func synchronize(_ operation: String) throws {
        do {
            try session.complete(operation) { Int(unsafe libssh2_sftp_fsync(raw)) }
        } catch  where !session.isBroken && session.fileTransferStatus == UInt(LIBSSH2_FX_OP_UNSUPPORTED) {}
    }

    func close(_ operation: String) throws {
        isOpen = false
        try answered(operation) { Int(unsafe libssh2_sftp_close_handle(raw)) }
    }
}

extension SSHSession {
    /// Replaces a file: temporary file beside it, fsync, rename, fsync of the directory.
    func upload(_ bytes: [UInt8], to path: String, mode: UInt16) throws {
        try checkPath(path)
        let temporary = "\(path).\(UInt64.random(in: 0 ... .max)).tmp"
        let operation = "write '\(path)'"
        do {
            try file(operation) {
                let file = try RemoteFile(temporary, flags: LIBSSH2_FXF_WRITE | LIBSSH2_FXF_CREAT | LIBSSH2_FXF_EXCL, mode: 0o600, in: self)
                try file.write(bytes, operation)
                try file.setMode(mode, operation)
                try file.synchronize(operation)
                try file.close(operation)
            }
            // SFTP's own rename does not replace a file, and libssh2 got OpenSSH's extension late.
            let directory = path.unicodeScalars.lastIndex(of: "/").map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
            let result = try run("mv -fT -- \(temporary) \(path) && sync -- \(directory)", input: [])
            guard result.status == 0 else { throw Failure(.sshFileTransfer, "cannot \(operation) in the guest: \(result.errorText)") }
        } catch {
            if !isBroken { _ = try? run("rm -f -- \(temporary)", input: []) }
            throw error
        }
    }

    func download(_ path: String, limit: Int) throws -> [UInt8] {
        try checkPath(path)
        let operation = "read '\(path)'"
        return try file(operation) {
            let file = try RemoteFile(path, flags: LIBSSH2_FXF_READ, mode: 0, in: self)
            var bytes: [UInt8] = []
            var chunk = [UInt8](repeating: 0, count: 256 << 10)
            while true {
                let count = try file.read(into: &chunk, operation)
                if count == 0 { break }
                bytes += chunk.prefix(count)
                guard bytes.count <= limit else { throw Failure(.sshFileTransfer, "cannot \(operation) in the guest: it is larger than \(limit) bytes") }
            }
            try file.close(operation)
            return bytes
        }
    }

    private func checkPath(_ path: String) throws {
        guard !path.isEmpty, !path.utf8.contains(0) else { throw Failure(.invalidInput, "the guest's path is empty or has a NUL byte in it") }
    }

    /// The SFTP subsystem of this session, started when it is first used; the session frees it.
    fileprivate func startFileTransfer() throws -> OpaquePointer {
        if let started = unsafe fileTransfer { return unsafe started }
        let started = try unsafe obtain("start SFTP") { unsafe libssh2_sftp_init(raw) }
        unsafe fileTransfer = started
        return unsafe started
    }

    /// The server's answer to the last SFTP request.
    fileprivate var fileTransferStatus: UInt? { unsafe fileTransfer.map { unsafe libssh2_sftp_last_error($0) } }

    /// Gives SFTP failures their own code and the server's reason.
    fileprivate func file<Value>(_ operation: String, _ body: () throws -> Value) throws -> Value {
        do {
            return try body()
        } catch let error as Failure where error.code == .sshProtocol {
            let reason = fileTransferStatus.flatMap { Self.reasons[$0] } ?? "the transfer failed"
            throw Failure(.sshFileTransfer, "cannot \(operation) in the guest: \(reason)", cause: error.cause)
        }
    }

    private static let reasons: [UInt: String] = [
        UInt(LIBSSH2_FX_NO_SUCH_FILE): "no such file or directory", UInt(LIBSSH2_FX_PERMISSION_DENIED): "permission denied",
        UInt(LIBSSH2_FX_NO_SPACE_ON_FILESYSTEM): "no space left on the file system", UInt(LIBSSH2_FX_QUOTA_EXCEEDED): "the quota is exceeded",
        UInt(LIBSSH2_FX_WRITE_PROTECT): "the file system is read-only", UInt(LIBSSH2_FX_FAILURE): "the server refused",
    ]
}
