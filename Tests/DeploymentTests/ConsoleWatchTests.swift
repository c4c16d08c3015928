import ApplianceModel
import Basics
import Glibc
import HostSystem
import SystemPackage
import Testing

@testable import Deployment

@Suite("Console watch")
struct ConsoleWatchTests {
    @Test(
        "Shows what a screen would: no escape sequences, no control characters",
        arguments: [
            ("\u{1b}[0;32m  OK  \u{1b}[0m] Started", "  OK  ] Started"),
            ("\u{1b}[2J\u{1b}[01;01Hboot\r\n", "boot\n"),
            ("\u{1b}]0;a title\u{7}after", "after"),
            ("\u{1b}]3008;start=1\u{1b}\\after", "after"),
            ("\u{1b}P1$r\u{1b}\\after", "after"),
            ("\u{1b}(Bplain\u{1b}=", "plain"),
            ("a\u{8}\u{0}b\tc\u{7f}", "ab\tc"),
            ("zwei Größen", "zwei Größen"),
            ("one-byte CSI \u{9b}31m", "one-byte CSI 31m"),
            ("cut \u{1b}", "cut "), ("cut \u{1b}[3", "cut "), ("cut \u{1b}]0;tit", "cut "), ("", ""),
        ])
    func plain(printed: String, shown: String) {
        #expect(ConsoleWatch.plain(Array(printed.utf8)) == shown)
    }

    @Test(
        "Knows a kernel that has not come to user space",
        arguments: [
            ("EFI stub: Loaded initrd\n[    0.000000] Linux version 6.12\n[    6.249085] Serial: 8250/16550 driver\n", true),
            ("[    0.000000] Linux version 6.12\nLoading, please wait...\n[    2.100000] virtio_blk\n", false),
            ("[    0.000000] Linux version 6.12\n[  OK  ] Started\n", false),
            ("BdsDxe: starting Boot0001\n", false), ("", false),
            // A guest that has been up for a long time: only its kernel prints, a report.
            ("[ 4711.100000] oom-kill:constraint=CONSTRAINT_NONE\n[ 4711.200000] Out of memory: Killed process 812 (postgres)\n", false),
            ("[    0.000000] Linux version 6.12\nLoading, please wait...\n" + String(repeating: "[   99.000000] ata1: reset\n", count: 300), false),
            ("[    0.000000] Linux version 6.12\n[    2.100000] Run /init as init process\n[    2.200000] virtio_blk virtio1: 1/0/0\n", false),
            ("[    0.000000] Linux version 6.12\n[    3.100000] systemd[1]: Hostname set to <db>.\n[    3.200000] Bridge loaded\n", false),
            // It began again.
            ("[    0.000000] Linux version 6.12\nWelcome\n[    0.000000] Linux version 6.12\n[    1.000000] pci 0000:00:01.0\n", true),
        ])
    func beforeUserSpace(printed: String, expected: Bool) async throws {
        try await withLog { log in
            var watch = ConsoleWatch(path: log.path)
            try log.print(printed)
            _ = try watch.advance()
            #expect(watch.isBeforeUserSpace == expected)
        }
    }

    @Test("Counts how often a kernel begins, once each, blank lines and looks in between or not")
    func kernelStarts() async throws {
        try await withLog { log in
            try log.print("[    0.000000] Linux version 6.12 before the watch\n")
            var watch = ConsoleWatch(path: log.path)
            for round in 1...4 {
                try log.print("\n\nBdsDxe\n[    0.000000] Linux version 6.12\n\n[    0.000000] Command line: ro\n")
                _ = try watch.advance()
                try log.print("\n\n\n\n\nBegin: Waiting for root file system ... \n\n")
                _ = try watch.advance()
                #expect(watch.kernelStarts == round)
            }
        }
    }

    @Test("A log that is moved is the same log, another file is read from its start, and a link is not read")
    func moved() async throws {
        try await withLog { log in
            let moved = Log(path: log.path.removingLastComponent().appending("moved.log"))
            let first = log.path
            // As the backend tells it: the first place as long as there is a file.
            var watch = ConsoleWatch { Files.exists(first) ? first : moved.path }
            try log.print("[    0.000000] Linux version 6.12\n")
            #expect(try watch.advance() != nil)
            try Files.rename(first, to: moved.path)
            #expect(try watch.advance() == nil)
            try moved.print("[    1.000000] more\n")
            #expect(try watch.advance() == "[    1.000000] more")
            #expect(watch.kernelStarts == 1)
            try log.print("[    0.000000] Linux version 6.12\n")
            #expect(try watch.advance() != nil)
            #expect(watch.kernelStarts == 2)
            try Files.remove(first)
            try #require(symlink(moved.path.string, first.string) == 0)
            #expect(throws: Failure.self) { try watch.advance() }
        }
    }

    @Test(
        "Hears from the console that somebody may log in",
        arguments: [
            ("[  OK  ] Started ssh.service - OpenBSD Secure Shell server.\n", true), ("[  OK  ] Listening on ssh.socket\n", true),
            ("Debian GNU/Linux 13 orders ttyS0\n\norders login: ", true),
            ("BdsDxe: starting Boot0001\n[    0.000000] Linux version 6.12\n[  OK  ] Reached target network.target\n", false), ("", false),
        ])
    func speaksOfLogin(printed: String, expected: Bool) async throws {
        try await withLog { log in
            // What an earlier boot printed does not count.
            try log.print("earlier login: \n")
            var watch = ConsoleWatch(path: log.path)
            try log.print(printed)
            _ = try watch.advance()
            #expect(watch.speaksOfLogin == expected)
            try log.print("[   40.000000] more\n")
            _ = try watch.advance()
            #expect(watch.speaksOfLogin == expected)
        }
    }

    @Test(
        "Tells the kernel's words from the firmware's",
        arguments: [("BdsDxe: starting Boot0001\n", false), ("BdsDxe\n[    0.000000] Linux version 6.12\n", true)])
    func kernelHasSpoken(printed: String, expected: Bool) async throws {
        try await withLog { log in
            try log.print("[    0.000000] Linux version 6.1 of an earlier boot\n")
            var watch = ConsoleWatch(path: log.path)
            try log.print(printed)
            _ = try watch.advance()
            try log.print("Debian GNU/Linux 13\n")
            _ = try watch.advance()
            #expect(watch.kernelHasSpoken == expected)
        }
    }

    @Test("Starts where the log stands, and nothing printed is nothing said; for messages there are the lines of before")
    func start() async throws {
        try await withLog { log in
            try log.print("before\n")
            var watch = ConsoleWatch(path: log.path)
            #expect(try watch.advance() == nil)
            #expect(watch.tail == ["before"])
            try log.print("after\n")
            #expect(try watch.advance() == "after")
            #expect(try watch.advance() == nil)
            #expect(watch.tail == ["after"])
        }
    }

    @Test("A log that is not there yet says nothing, and is followed once it is")
    func missing() async throws {
        try await withLog { log in
            var watch = ConsoleWatch(path: log.path)
            #expect(try watch.advance() == nil)
            try log.print("hello\n")
            #expect(try watch.advance() == "hello")
        }
    }

    @Test("What is printed in parts becomes one line, wherever it is cut")
    func parts() async throws {
        let text = "\u{1b}[0;1;31mGrößer\u{1b}[0m and \u{1b}]0;title\u{7}done\r\n"
        for cut in 1..<text.utf8.count {
            try await withLog { log in
                var watch = ConsoleWatch(path: log.path)
                try log.print(Array(text.utf8.prefix(cut)))
                _ = try watch.advance()
                try log.print(Array(text.utf8.dropFirst(cut)))
                #expect(try watch.advance() == "Größer and done", "cut after \(cut) bytes")
                #expect(watch.tail == ["Größer and done"], "cut after \(cut) bytes")
            }
        }
    }

    @Test("An unfinished line is said, and belongs to the tail")
    func unfinished() async throws {
        try await withLog { log in
            var watch = ConsoleWatch(path: log.path)
            try log.print("login: ")
            #expect(try watch.advance() == "login: ")
            #expect(watch.tail == ["login: "])
        }
    }

    @Test("Bytes that are only control still count as a sign of life")
    func sign() async throws {
        try await withLog { log in
            var watch = ConsoleWatch(path: log.path)
            try log.print("\u{1b}[2J\r\n\n")
            #expect(try watch.advance() == "…")
            #expect(watch.tail.isEmpty)
        }
    }

    @Test("A log that was cut is read from its beginning, and what was unfinished is forgotten")
    func truncated() async throws {
        try await withLog { log in
            var watch = ConsoleWatch(path: log.path)
            try log.print("a first life that is cut in the mid")
            _ = try watch.advance()
            try Files.write("second\n", to: log.path)
            #expect(try watch.advance() == "second")
            #expect(watch.tail == ["second"])
        }
    }

    @Test("The tail is the last eight lines, without empty ones")
    func tail() async throws {
        try await withLog { log in
            var watch = ConsoleWatch(path: log.path)
            try log.print((1...20).map { "line \($0)\n \n" }.joined())
            #expect(try watch.advance() == "line 20")
            #expect(watch.tail == (13...20).map { "line \($0)" })
        }
    }

    @Test("A guest that never ends its line does not fill the memory")
    func endless() async throws {
        try await withLog { log in
            var watch = ConsoleWatch(path: log.path)
            for _ in 0..<8 {
                try log.print(String(repeating: "x", count: 40_000))
                _ = try watch.advance()
            }
            #expect(watch.tail.joined().utf8.count < 100_000)
        }
    }
}

private struct Log {
    let path: FilePath

    func print(_ text: String) throws { try print(Array(text.utf8)) }

    func print(_ bytes: [UInt8]) throws {
        let file = try FileDescriptor.open(path, .writeOnly, options: [.create, .append, .closeOnExec], permissions: .ownerReadWrite)
        try file.closeAfter { _ = try file.writeAll(bytes) }
    }
}

private func withLog(_ body: (Log) async throws -> Void) async throws {
    try await Scratch.with { try await body(Log(path: $0.path.appending("serial.log"))) }
}
