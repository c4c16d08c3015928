import ApplianceModel
import BuiltinTemplates
import HostSystem
import SystemPackage
import TestSupport
import Testing

@testable import Deployment

@Suite("What the guest's system does for the server by itself")
struct SystemFilesTests {
    /// A place of its own with programs and files for a script of the guest's, whose paths lead there.
    private struct Place {
        let directory: FilePath

        static func with(_ body: (Place) async throws -> Void) async throws {
            let directory = try Files.createTemporaryDirectory(in: "/tmp", prefix: "pgkvm-system")
            defer { try? Files.remove(directory) }
            try Files.createDirectory(directory.appending("bin"))
            try await body(Place(directory: directory))
        }

        func write(_ text: String, to path: String) throws {
            let file = directory.appending(path)
            try Files.createDirectory(file.removingLastComponent())
            try Files.write(text, to: file)
        }

        func read(_ path: String) -> String? { try? Files.readText(directory.appending(path)) }

        func program(_ name: String, _ text: String) async throws {
            try await Files.writeProgram("#!/bin/sh\n\(text)\n".utf8, to: directory.appending("bin/\(name)"))
        }

        func run(_ template: String, _ arguments: [String] = [], changes: [(String, String)] = []) async throws -> ProgramResult {
            var text = try #require(BuiltinTemplates.text("system/\(template)"))
            for path in ["/etc/chrony", "/sys/class/ptp", "/run/", "/proc/"] { text = text.replacing(path, with: "\(directory)\(path)") }
            for (old, new) in changes {
                try #require(text.contains(old))
                text = text.replacing(old, with: new)
            }
            return try await ProgramRunner.run(
                "sh", ["-c", #"PATH=$1:$PATH; shift; exec sh -s "$@""#, "sh", "\(directory)/bin"] + arguments, input: Array(text.utf8))
        }
    }

    // MARK: The clock

    private static let snippet = "etc/chrony/conf.d/pgkvm-clock.conf"

    @Test("The host's clock is given to chrony where the kernel shows it, and said once", arguments: ["ptp0", "ptp3"])
    func clock(device: String) async throws {
        try await Place.with { place in
            try Files.createDirectory(place.directory.appending("etc/chrony/conf.d"))
            try await place.program("modprobe", "exit 0")
            try place.write("igb ptp\n", to: "sys/class/ptp/ptp1/clock_name")
            try place.write("KVM virtual PTP\n", to: "sys/class/ptp/\(device)/clock_name")
            #expect(try await place.run("choose-clock.sh").outputText == "changed\n")
            #expect(place.read(Self.snippet) == "refclock PHC /dev/\(device) refid KVM poll 3 dpoll -2 offset 0 stratum 2 prefer\n")
            #expect(try await place.run("choose-clock.sh").outputText == "")
            // The disk is started where there is none.
            try Files.remove(place.directory.appending("sys/class/ptp/\(device)"))
            #expect(try await place.run("choose-clock.sh").outputText == "changed\n")
            #expect(place.read(Self.snippet) == nil)
        }
    }

    @Test("Without KVM, without clocks and without chrony nothing is written, and nothing fails", arguments: [true, false])
    func noClock(hasChrony: Bool) async throws {
        try await Place.with { place in
            if hasChrony { try Files.createDirectory(place.directory.appending("etc/chrony/conf.d")) }
            // As under emulation.
            try await place.program("modprobe", "echo \"modprobe: ERROR: could not insert 'ptp_kvm': Operation not supported\" >&2; exit 1")
            let result = try await place.run("choose-clock.sh")
            #expect(result.status == 0, "\(result.errorText)")
            #expect(result.outputText == "")
            #expect(place.read(Self.snippet) == nil)
        }
    }

    // MARK: Huge pages

    /// A kernel of 4 GiB that finds `room` huge pages, and gives what it has where it is asked for more.
    private func reserve(
        _ mode: String, needed: String, room: Int, there: Int = 0, ours: Int? = nil, available: Int = 3_000_000
    ) async throws -> (pages: Int?, mark: String?, result: ProgramResult) {
        var outcome: (Int?, String?, ProgramResult)?
        try await Place.with { place in
            try place.write("MemTotal: 4028424 kB\nMemAvailable:    \(available) kB\nHugepagesize:       2048 kB\n", to: "proc/meminfo")
            try place.write("\(there)\n", to: "proc/sys/vm/nr_hugepages")
            try Files.createDirectory(place.directory.appending("run"))
            if let ours { try place.write("\(ours)\n", to: "run/pgkvm-huge-pages") }
            // PostgreSQL, asked as its user.
            try await place.program(
                "runuser",
                "[ \"$*\" = '-u postgres -- /usr/lib/postgresql/17/bin/postgres -D /etc/postgresql/17/main -C shared_memory_size_in_huge_pages' ] || exit 9\n\(needed)"
            )
            let kernel = #"{ [ "$1" -le \#(room) ] && echo "$1" || echo \#(room); } >"$pool""#
            let result = try await place.run("reserve-huge-pages.sh", ["17-main", mode], changes: [(#"echo "$1" >"$pool""#, kernel)])
            let pages = place.read("proc/sys/vm/nr_hugepages").flatMap { Int($0.filter(\.isNumber)) }
            outcome = (pages, place.read("run/pgkvm-huge-pages"), result)
        }
        let (pages, mark, result) = try #require(outcome)
        return (pages, mark, result)
    }

    struct Case: Sendable, CustomTestStringConvertible {
        let testDescription: String
        var mode = "on"
        var needed = "echo 553"
        var room = 2000
        var there = 0
        var ours: Int?
        var available = 3_000_000
        let pages: Int
    }

    private static let cases = [
        Case(testDescription: "exactly what the server needs", pages: 553),
        Case(testDescription: "more for larger buffers", there: 300, ours: 300, pages: 553),
        Case(testDescription: "fewer for smaller ones", there: 900, ours: 900, pages: 553),
        Case(testDescription: "none any more", mode: "off", there: 553, ours: 553, pages: 0),
        Case(testDescription: "the administrator's stay", there: 900, pages: 900),
        Case(testDescription: "the administrator's stay without ours", mode: "off", there: 900, pages: 900),
        Case(testDescription: "the administrator's are too few", there: 100, pages: 553),
        Case(testDescription: "a part helps nobody", room: 552, pages: 0),
        Case(testDescription: "a part beside the administrator's", room: 552, there: 100, pages: 100),
        Case(testDescription: "more than the memory without the system", needed: "echo 1904", pages: 0),
        Case(testDescription: "all that the system can spare", needed: "echo 1903", available: 4_000_000, pages: 1903),
        Case(testDescription: "what runs already is not pushed out", available: 1_000_000, pages: 0),
        Case(testDescription: "a server that does not say how many", needed: "echo 'FATAL: no' >&2; exit 1", there: 300, ours: 300, pages: 300),
        Case(testDescription: "a server that has none", needed: "echo -1", pages: 0),
        Case(testDescription: "a server that says nothing", needed: "true", pages: 0),
    ]

    @Test("Huge pages are reserved whole or not at all", arguments: cases)
    func hugePages(which: Case) async throws {
        let (pages, mark, result) = try await reserve(
            which.mode, needed: which.needed, room: which.room, there: which.there, ours: which.ours, available: which.available)
        #expect(pages == which.pages, "\(result.errorText)")
        // A second start with the same needs changes nothing.
        if mark == "553\n" {
            let again = try await reserve("on", needed: which.needed, room: 553, there: 553, ours: 553, available: 100)
            #expect(again.pages == 553)
        }
    }

    @Test("The spec's settings decide whether the unit reserves them, and a change of that is a change of the configuration")
    func files() throws {
        func unit(_ settings: [String: String]) throws -> String {
            let file = SystemFiles.all(settings: settings, version: 17).first { $0.path.contains("postgresql@") }
            return String(decoding: try #require(file).content, as: UTF8.self)
        }
        #expect(try unit(["shared_buffers": "2GB"]).hasSuffix("reserve-huge-pages.sh %i on\n"))
        #expect(try unit(["shared_buffers": "2GB", "huge_pages": "off"]).hasSuffix("reserve-huge-pages.sh %i off\n"))
        for file in SystemFiles.all(settings: [:], version: 17) { #expect(!file.content.isEmpty, "\(file.path)") }
    }
}
