import ApplianceModel
import HostSystem
import SystemPackage
import TestSupport
import Testing

extension GuestTests {
    /// Off and on again, politely and not.
    @Suite("Off and on", .serialized)
    struct GuestPowerTests {
        @Test("A guest that was stopped comes back without its seed, with the same host key and every row")
        func stopAndStart() async throws {
            let guest = try await Guests.undisturbed().guest
            let key = try Files.readText(guest.directory.appending("known_host"))
            try await guest.write("before the stop")
            try await Stage.run("stop alpha") { try await guest.home.check("stop", "alpha") }
            #expect(try await guest.status().state == "off")
            #expect(try await guest.status().processID == nil)
            #expect(try await guest.home.hasNoProcesses())
            try await guest.home.check("stop", "alpha")

            let console = try await guest.home.run("console", "alpha")
            #expect(console.status == 1)
            #expect(console.errorText.contains("pgkvm start alpha"), "\(console.errorText)")
            let findings = try await guest.verify()
            #expect(!findings.allPassed)
            #expect(try await guest.psql(guest.home.check("connection", "alpha"), "SELECT 1").status == 2)

            try await Stage.run("start alpha") { try await guest.home.check("start", "alpha") }
            #expect(try await guest.status().state == "running")
            #expect(try Files.readText(guest.directory.appending("known_host")) == key)
            #expect(!Files.exists(guest.machine.appending("seed.iso")))
            #expect(try await guest.notes().contains("before the stop"))
            // The key is pinned: whatever answers has it.
            #expect(try await guest.root("hostname") == "alpha")
            let id = try await guest.status().processID
            try await guest.home.check("start", "alpha")
            #expect(try await guest.status().processID == id)
        }

        @Test("A restart is a boot, and loses nothing")
        func restart() async throws {
            let guest = try await Guests.undisturbed().guest
            try await guest.write("before the restart")
            let boot = try await guest.root("cat /proc/sys/kernel/random/boot_id")
            try await Stage.run("restart alpha") { try await guest.home.check("restart", "alpha") }
            #expect(try await guest.root("cat /proc/sys/kernel/random/boot_id") != boot)
            #expect(try await guest.notes().contains("before the restart"))
        }

        @Test("Where a slow boot has given up the data disk, start mounts it and starts PostgreSQL")
        func slowBoot() async throws {
            let guest = try await Guests.undisturbed().guest
            try await guest.write("before the slow boot")
            // systemd learns of the disk too late, as on a host that is too busy: it gives up the mount, and nothing in the guest tries again.
            try await guest.root(
                """
                sed -i.kept s/x-systemd.device-timeout=infinity/x-systemd.device-timeout=1s/ /etc/fstab
                echo 'SUBSYSTEM=="block", ENV{ID_SERIAL}=="pgdata", ENV{SYSTEMD_READY}="0"' >/etc/udev/rules.d/99-late.rules
                sync
                """)
            try await Stage.run("restart alpha, slowly") { try await guest.home.check("restart", "alpha") }
            #expect(try await guest.root("journalctl -b --no-pager").contains("Dependency failed for var-lib-postgresql.mount"))
            #expect(try await guest.notes().contains("before the slow boot"))
            try await guest.root("rm /etc/udev/rules.d/99-late.rules; mv /etc/fstab.kept /etc/fstab; udevadm control --reload; udevadm trigger /dev/vdb")
        }

        @Test("After QEMU was killed the appliance is off, and a start brings back what was committed")
        func killed() async throws {
            let guest = try await Guests.undisturbed().guest
            let id = try #require(try await guest.status().processID)
            try await guest.write("before the kill")
            try ProcessTable.kill(id)
            let clock = ContinuousClock()
            let isOff = try await poll(every: .milliseconds(200), until: clock.now + .seconds(60), on: clock) {
                try await guest.status().state == "off" ? true : nil
            }
            #expect(isOff == true)
            try await Stage.run("start alpha after a kill") { try await guest.home.check("start", "alpha") }
            #expect(try await guest.notes().contains("before the kill"))
            try await guest.verify().expectPassed()
        }
    }
}

extension Guest {
    /// Commits a row.
    func write(_ note: String) async throws {
        try await query("CREATE TABLE IF NOT EXISTS notes (note text NOT NULL)")
        try await query("INSERT INTO notes VALUES ('\(note)')")
    }

    /// The rows that were committed.
    func notes() async throws -> [String] { try await query("SELECT note FROM notes").split(separator: "\n").map(String.init) }
}
