import ApplianceModel
import Basics
import SystemPackage
import Testing

@testable import HostSystem

@Suite("Who could exchange what a path leads to")
struct PathTrustTests {
    private func with(_ body: (FilePath) async throws -> Void) async throws {
        let directory = try Files.createTemporaryDirectory(in: "/tmp", prefix: "pgkvm-trust")
        defer { try? Files.remove(directory) }
        try await body(directory)
    }

    private func run(_ words: String...) async throws { _ = try await ProgramRunner.check(words[0], Array(words.dropFirst())) }

    @Test("A private directory in /tmp, one that is not there yet, and one behind a link of one's own are accepted")
    func accepted() async throws {
        try await with { directory in
            try PathTrust.check(directory)
            try PathTrust.check(directory.appending("not/there/yet"))
            try await run("ln", "-s", directory.string, directory.appending("link").string)
            try await run("ln", "-s", "link/../\(directory.lastComponent?.string ?? "")/link", directory.appending("relative").string)
            try PathTrust.check(directory.appending("link").appending("state"))
            try PathTrust.check(directory.appending("relative").appending("state"))
            try PathTrust.check(FilePath("/var/lib/pgkvm-\(UInt32.random(in: 0 ... .max))/orders"))
        }
    }

    @Test(
        "A directory that others can write is refused wherever it is on the way, and the printed command makes it right",
        arguments: [
            "a", "a/b", "a/b/c",
        ], ["0777", "0770", "0707", "1777"])
    func writable(open: String, mode: String) async throws {
        try await with { directory in
            let path = directory.appending("a/b/c")
            try Files.createDirectory(path)
            // Root's sticky directories are as /tmp is.
            let isLikeTmp = mode == "1777" && HostEnvironment.isRoot
            let opened = directory.appending(FilePath(open).components)
            try await run("chmod", mode, opened.string)
            try await run("chgrp", HostEnvironment.isRoot ? "1" : "\(HostEnvironment.groups.first ?? 0)", opened.string)
            try await run("chmod", mode, opened.string)
            guard !isLikeTmp else { return try PathTrust.check(path) }
            let error = #expect(throws: Failure.self) { try PathTrust.check(path) }
            #expect(error?.code == .stateUntrusted)
            #expect(error?.message.contains("'\(opened)'") == true)
            let command = try #require(error?.remedy)
            #expect(command.hasPrefix("chmod "))
            try await run("sh", "-c", command)
            try PathTrust.check(path)
        }
    }

    @Test(
        "What belongs to another user is refused: a directory on the way, the last one, a link, a file",
        .enabled("only root gives files away") { HostEnvironment.isRoot })
    func foreign() async throws {
        try await with { directory in
            let path = directory.appending("a/b")
            try Files.createDirectory(path)
            for part in ["a", "a/b"] {
                let foreign = directory.appending(FilePath(part).components)
                try await run("chown", "65534", foreign.string)
                #expect(throws: Failure.self) { try PathTrust.check(path) }
                try await run("chown", "0", foreign.string)
            }
            try PathTrust.check(path)
            let link = directory.appending("link")
            try await run("ln", "-s", path.string, link.string)
            try await run("chown", "-h", "65534", link.string)
            let error = #expect(throws: Failure.self) { try PathTrust.check(link) }
            #expect(error?.code == .stateUntrusted && error?.message.contains("'\(link)'") == true)
            let file = path.appending("known_host")
            try Files.write("key", to: file)
            try PathTrust.checkEntry(file)
            try await run("chown", "65534", file.string)
            #expect(throws: Failure.self) { try PathTrust.checkEntry(file) }
            try await run("chown", "0", file.string)
            try await run("chmod", "0620", file.string)
            try await run("chgrp", "1", file.string)
            #expect(throws: Failure.self) { try PathTrust.checkEntry(file) }
        }
    }

    @Test("Links without an end are no endless loop")
    func endless() async throws {
        try await with { directory in
            try await run("ln", "-s", "loop", directory.appending("loop").string)
            #expect(throws: Failure.self) { try PathTrust.check(directory.appending("loop")) }
        }
    }
}
