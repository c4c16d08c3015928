import ApplianceModel
import Basics
import FoundationEssentials
import HostSystem
import Quoting
import SystemPackage
import TestSupport
import Testing

extension GuestTests {
    /// An appliance whose spec changes after it was deployed.
    @Suite("Changed spec")
    struct ChangedSpecTests {
        @Test("A changed spec is made true, in place what can be and after leave what needs a restart, and every row stays", .fullRun)
        func changed() async throws {
            let guest = Guest(home: try Guests.shared().home, name: "golf")
            let before = SharedSpec.text(name: guest.name)
            let specFile = guest.home.path.appending("golf.yaml")
            try Files.write(before, to: specFile)
            try await guest.removedOnFailure {
                try await Stage.run("deploy golf") { try await guest.home.check("deploy", specFile.string) }
                try await guest.write("before the changes")

                let grown = try before.changing("size: 1GiB", to: "size: 2GiB").changing("250ms", to: "500ms") + "    - name: later\n      owner: app\n"
                try Files.write(grown, to: specFile)
                try await inPlace(guest, specFile)

                let smaller = try grown.changing("memory: 1GiB", to: "memory: 768MiB\n  vcpus: 1")
                try Files.write(try smaller.changing("  settings:\n", to: "  settings:\n    huge_pages: 'on'\n"), to: specFile)
                try await withRestart(guest, specFile)

                #expect(try await guest.notes() == ["before the changes"])
                try await guest.verify().expectPassed()
                try await guest.home.check("delete", guest.name, "--confirm", guest.name)
            }
            try await guest.expectGone()
        }

        /// A setting, a database and a data disk that grew, under a server that never stopped.
        private func inPlace(_ guest: Guest, _ specFile: FilePath) async throws {
            let started = try await guest.query("SELECT pg_postmaster_start_time()")
            let plan = try await guest.home.check("plan", specFile.string)
            for part in ["data.size", "postgresql.settings.log_min_duration_statement", "postgresql.databases 'later'"] {
                #expect(plan.contains(part), "'\(part)' is not in:\n\(plan)")
            }
            try await Stage.run("change golf in place") { try await guest.home.check("deploy", specFile.string) }
            #expect(try await guest.query("SELECT pg_postmaster_start_time()") == started)
            #expect(try await guest.query("SHOW log_min_duration_statement") == "500ms")
            #expect(try await guest.query("SELECT current_user", database: "later") == "app")
            #expect(Files.status(guest.machine.appending("data.raw"))?.size == .gibibytes(2))
            let blocks = try await guest.root("echo $(( $(stat -f -c '%b * %S' /var/lib/postgresql) ))")
            #expect(try #require(Int64(blocks)) > ByteSize.mebibytes(1800).bytes)
            #expect(try await guest.home.check("deploy", specFile.string).contains("nothing was changed"))
        }

        /// Less memory, one processor and huge pages, after leave: the settings that follow from them are in force afterwards.
        private func withRestart(_ guest: Guest, _ specFile: FilePath) async throws {
            let boot = try await guest.root("cat /proc/sys/kernel/random/boot_id")
            let buffers = try await guest.query("SELECT setting::int FROM pg_settings WHERE name = 'shared_buffers'")
            let refused = try await guest.home.run("deploy", specFile.string)
            #expect(refused.status == 1)
            #expect(refused.errorText.contains("--restart"), "\(refused.errorText)")
            #expect(try await guest.root("cat /proc/sys/kernel/random/boot_id") == boot)

            try await Stage.run("change golf with a restart") { try await guest.home.check("deploy", specFile.string, "--restart") }
            #expect(try await guest.root("cat /proc/sys/kernel/random/boot_id") != boot)
            #expect(try await guest.root("nproc") == "1")
            #expect(try #require(Int(try await guest.root("awk '/^MemTotal/ { print $2 }' /proc/meminfo"))) < 768 << 10)
            let smaller = try await guest.query("SELECT setting::int FROM pg_settings WHERE name = 'shared_buffers'")
            #expect(try #require(Int(smaller)) < (try #require(Int(buffers))))
            #expect(try await guest.query("SHOW huge_pages_status") == "on")
            #expect(try await guest.root("cat /proc/sys/vm/nr_hugepages") == guest.query("SHOW shared_memory_size_in_huge_pages"))
        }
    }
}

extension String {
    /// The text with each occurrence replaced; there has to be one.
    fileprivate func changing(_ part: String, to other: String) throws -> String {
        try #require(contains(part))
        return replacing(part, with: other)
    }
}
