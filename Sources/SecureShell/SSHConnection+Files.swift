extension SSHConnection {
    /// The time limit for a transfer of any size; a guest may be emulated and slow.
    private static let transferTimeout = Duration.seconds(600)

    package func upload(_ bytes: [UInt8], to path: String, mode: UInt16) async throws {
        try await perform(timeout: Self.transferTimeout) { try $0.upload(bytes, to: path, mode: mode) }
    }

    package func download(_ path: String, limit: Int) async throws -> [UInt8] {
        try await perform(timeout: Self.transferTimeout) { try $0.download(path, limit: limit) }
    }
}
