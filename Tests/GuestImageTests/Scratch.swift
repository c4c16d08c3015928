import ApplianceModel
import Basics
import HostSystem
import Synchronization
import SystemPackage

@testable import GuestImage

/// A directory that is gone when `body` is done.
func withScratch<Value>(_ body: (FilePath) async throws -> Value) async throws -> Value {
    let directory = try Files.createTemporaryDirectory(in: "/tmp", prefix: "pgkvm-image-test")
    defer { try? Files.remove(directory) }
    return try await body(directory)
}

/// Takes up lines of progress.
final class Lines: Sendable {
    private let lines = Mutex<[String]>([])
    var all: [String] { lines.withLock { $0 } }
    func add(_ line: String) { lines.withLock { $0.append(line) } }
    func contains(_ text: String) -> Bool { all.contains { $0.contains(text) } }
}

/// A raw disk of 4 MiB with a partition table, and what looks like a boot loader in the first sector.
func makeDisk(_ path: FilePath, typecode: String = "8300") async throws {
    _ = try await ProgramRunner.check("truncate", ["--size=4M", path.string])
    _ = try await ProgramRunner.check("sgdisk", ["--new=1:1M:+1M", "--typecode=1:\(typecode)", path.string])
    try overwrite(path, at: 0, [0xFA, 0x31, 0xC0])
}

/// Replaces bytes within a file.
func overwrite(_ path: FilePath, at offset: Int64, _ bytes: [UInt8]) throws {
    let file = try FileDescriptor.open(path, .writeOnly)
    _ = try file.closeAfter { try file.writeAll(toAbsoluteOffset: offset, bytes) }
}

/// The checksum of a file as the program of that name tells it.
func checksum(of path: FilePath, algorithm: ImageChecksum.Algorithm = .sha256) async throws -> ImageChecksum {
    let result = try await ProgramRunner.check("\(algorithm.rawValue)sum", [path.string])
    return try ImageChecksum("\(algorithm.rawValue):\(result.outputText.prefix { $0 != " " })")
}

extension CachedImage {
    /// An image that nobody made.
    static func sample(key: Character, name: String, created: String = "2026-01-01T00:00:00Z", format: Int = currentFormat) -> CachedImage {
        CachedImage(
            formatVersion: format, key: String(repeating: key, count: 64), name: name, origin: .imported("/x"), format: .raw, firmware: .bios,
            virtualSize: .mebibytes(1), postgresqlVersion: nil, created: created)
    }
}
