import ApplianceModel
import Basics
import HostSystem
import SystemPackage
import Testing

@testable import GuestImage

@Suite("Reading an image back")
struct ImageVerificationTests {
    private static let capability = "0100000200200000000000000000000000000000"
    private static let list = """
        4755 0 0 - /usr/bin/sudo
        750 101 103 - /var/lib/chrony
        755 0 0 \(capability) /usr/bin/ping
        644 0 7 - /etc/with space "and" quotes

        """

    /// A real file system whose files are set as debugfs's own commands do it.
    private func withFileSystem(changed: [String] = [], _ body: (FilePath) async throws -> Void) async throws {
        try await withScratch { scratch in
            let tree = scratch.appending("tree")
            for directory in ["usr/bin", "var/lib/chrony", "etc"] { try Files.createDirectory(tree.appending(directory)) }
            for file in ["usr/bin/sudo", "usr/bin/ping", #"etc/with space "and" quotes"#] { try Files.write("x", to: tree.appending(file)) }
            let bytes = stride(from: 0, to: Self.capability.count, by: 2).map { offset in
                UInt8(Self.capability.dropFirst(offset).prefix(2), radix: 16) ?? 0
            }
            try Files.write(bytes, to: scratch.appending("capability"))
            let disk = scratch.appending("disk")
            _ = try await ProgramRunner.check(
                "mke2fs", ["-q", "-F", "-t", "ext4", "-d", tree.string, "-E", "offset=1048576", disk.string, "8M"])
            let commands =
                [
                    "sif /usr/bin/sudo mode 0104755", "sif /var/lib/chrony mode 040750", "sif /var/lib/chrony uid 101", "sif /var/lib/chrony gid 103",
                    "sif /usr/bin/ping mode 0100755", "ea_set -f \(scratch)/capability /usr/bin/ping security.capability",
                    #"sif "/etc/with space ""and"" quotes" gid 7"#, #"sif "/etc/with space ""and"" quotes" mode 0100644"#,
                ] + ["/usr/bin/sudo", "/usr/bin/ping"].flatMap { ["sif \($0) uid 0", "sif \($0) gid 0"] }
                + [#"sif "/etc/with space ""and"" quotes" uid 0"#] + changed
            let system = "\(disk)?offset=1048576"
            _ = try await ProgramRunner.check("debugfs", ["-w", "-f", "-", system], input: Array((commands.joined(separator: "\n") + "\n").utf8))
            try await body(FilePath(system))
        }
    }

    @Test("passes where owners, modes and capabilities are those of the packages")
    func passes() async throws {
        try await withFileSystem { try await ImageVerification(list: Self.list).check(fileSystem: $0.string) }
    }

    @Test(
        "fails and names the file where one of them was lost",
        arguments: [
            ("sif /usr/bin/sudo mode 0100755", "/usr/bin/sudo"), ("sif /var/lib/chrony uid 0", "/var/lib/chrony"),
            ("ea_rm /usr/bin/ping security.capability", "/usr/bin/ping"), ("rm /usr/bin/ping", "/usr/bin/ping"),
            (#"sif "/etc/with space ""and"" quotes" gid 0"#, "/etc/with space"),
        ])
    func fails(change: String, file: String) async throws {
        try await withFileSystem(changed: [change]) { system in
            let failure = await #expect(throws: Failure.self) { try await ImageVerification(list: Self.list).check(fileSystem: system.string) }
            #expect(failure?.code == .imageVerificationFailed)
            #expect(failure?.message.contains(file) == true)
        }
    }

    @Test(
        "refuses a list in which the packages have lost everything already, or that is cut off",
        arguments: ["", "4755 0 0 - /usr/bin/sudo\n", "755 101 0 \(capability) /usr/bin/sudo\n", "4755 0 0 - /usr/bin/sudo\n750 101"])
    func emptyList(list: String) {
        let failure = #expect(throws: Failure.self) { try ImageVerification(list: list) }
        #expect(failure?.code == .imageVerificationFailed)
    }
}
