import ApplianceModel
import Basics
import Deployment
import HostSystem
import SystemPackage
import Testing
import Workflow

private struct Note: Fact, Equatable {
    static let key = "note"
    var text: String
}

@Suite("File journal storage")
struct FileJournalStorageTests {
    @Test("Lines are kept across opening, in a file that only its owner can read")
    func keeps() async throws {
        try await withDirectory { directory in
            let path = directory.appending("journal.jsonl")
            for text in ["one", "two"] {
                let journal = try Journal(storage: FileJournalStorage(ApplianceDirectory(path: directory)))
                try await journal.record(Note(text: text))
            }
            let contents = try JournalContents(Files.read(path))
            #expect(contents.entries.count == 2)
            #expect(try contents.fact(Note.self) == Note(text: "two"))
            #expect(Files.status(path)?.permissions == 0o600)
            #expect(try Files.list(directory) == ["journal.jsonl", "journal.seal"])
            #expect(Files.status(directory.appending("journal.seal"))?.permissions == 0o600)
        }
    }

    @Test("A torn last line is cut off in the file")
    func torn() async throws {
        try await withDirectory { directory in
            let path = directory.appending("journal.jsonl")
            try await Journal(storage: FileJournalStorage(ApplianceDirectory(path: directory))).record(Note(text: "whole"))
            let whole = try Files.read(path)
            try Files.write(whole + Array(#"{"formatVersion":1,"seq"#.utf8), to: path)
            let journal = try Journal(storage: FileJournalStorage(ApplianceDirectory(path: directory)))
            #expect(await journal.warnings.count == 1)
            #expect(try Files.read(path) == whole)
            try await journal.record(Note(text: "next"))
            #expect(try JournalContents(Files.read(path)).entries.count == 2)
        }
    }

    @Test("A missing directory is refused; a link, a directory or a pipe in the file's place is damage, and not opened")
    func refused() async throws {
        try await withDirectory { directory in
            let missing = #expect(throws: Failure.self) { _ = try FileJournalStorage(ApplianceDirectory(path: directory.appending("missing"))) }
            #expect(missing?.code == .fileUnwritable)
            #expect(missing?.cause != nil)
            let target = directory.appending("target")
            try Files.write("", to: target)
            let journal = directory.appending("journal.jsonl").string
            for command in [["ln", "-s", target.string, journal], ["ln", "-s", "/nowhere", journal], ["mkdir", journal], ["mkfifo", journal]] {
                _ = try await ProgramRunner.check(command[0], Array(command.dropFirst()))
                let error = #expect(throws: Failure.self) { _ = try FileJournalStorage(ApplianceDirectory(path: directory)) }
                #expect(error?.code == .journalDamaged)
                try Files.remove(FilePath(journal))
            }
            #expect(try Files.readText(target) == "")
        }
    }

    @Test(
        "On a full file system a line that was half written is taken back, and writing goes on once there is space",
        .enabled("a file system of 12 KiB is mounted, which needs the right to mount") { await canMount() })
    func fullDisk() async throws {
        try await withDirectory { directory in
            let (storage, ballast) = try await onSmallFileSystem(at: directory) { root in
                (
                    try FileJournalStorage(ApplianceDirectory(path: root)),
                    try FileDescriptor.open(root.appending("ballast"), .writeOnly, options: [.create, .closeOnExec], permissions: .ownerReadWrite)
                )
            }
            try ballast.closeAfter {
                try ballast.writeAll([UInt8](repeating: 0, count: 4_096))
                // Two lines fit into the two pages that are left; the third begins in the second page and needs another.
                let lines = (0..<3).map { [UInt8](repeating: UInt8(ascii: "a") + $0, count: 3_000) }
                try storage.append(lines[0])
                try storage.append(lines[1])
                for _ in 0..<2 {
                    let error = #expect(throws: Failure.self) { try storage.append(lines[2]) }
                    #expect(error?.code == .fileUnwritable)
                    #expect(error?.cause as? Errno == .noSpace)
                    #expect(error?.remedy?.hasPrefix("free space on the file system of") == true)
                    #expect(try storage.readAll() == lines[0] + lines[1])
                }
                try ballast.resize(to: 0)
                try storage.append(lines[2])
                #expect(try storage.readAll() == lines[0] + lines[1] + lines[2])
            }
        }
    }

    private func withDirectory(_ body: (FilePath) async throws -> Void) async throws {
        let directory = try Files.createTemporaryDirectory(in: "/tmp", prefix: "pgkvm-journal")
        defer { try? Files.remove(directory) }
        try await body(directory)
    }
}

/// Opens files on a file system of 12 KiB; their descriptors keep it.
///
/// It is mounted in the mount namespace of a process that ends here, or by itself soon after a test that was killed.
private func onSmallFileSystem<Value>(at mountPoint: FilePath, _ open: (_ root: FilePath) throws -> Value) async throws -> Value {
    let (lines, continuation) = AsyncStream.makeStream(of: String.self)
    let holder = Task {
        defer { continuation.finish() }
        let script = #"mount -t tmpfs -o size=12k none "$0" && echo $$ >&2 && exec sleep 30"#
        return try await ProgramRunner.run("unshare", ["--mount", "sh", "-c", script, mountPoint.string]) { continuation.yield($0) }
    }
    let line = await lines.first { _ in true }
    let opened = Result {
        let process = try #require(line.flatMap(Int.init), "the file system could not be mounted: \(line ?? "")")
        return try open(FilePath("/proc/\(process)/root").appending(mountPoint.components))
    }
    holder.cancel()
    _ = await holder.result
    return try opened.get()
}

private func canMount() async -> Bool { (try? await ProgramRunner.run("unshare", ["--mount", "true"]))?.status == 0 }
