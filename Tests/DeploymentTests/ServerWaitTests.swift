import ApplianceModel
import Basics
import BuiltinTemplates
import HostSystem
import PostgresClient
import SecureShell
import Synchronization
import SystemPackage
import TestSupport
import Testing

@testable import Deployment
@testable import Workflow

@Suite("Waiting for the server of a booted guest")
struct ServerWaitTests {
    /// A guest that goes through states, each for some questions, and says what was done to it.
    private final class GuestInStates: Sendable {
        private struct Script {
            var states: [(String, questions: Int)]
            var asked = 0
            var deeds: [String] = []
        }
        private let script: Mutex<Script>
        let reports = Mutex<[String]>([])
        let signs = SignsOfLife()

        init(_ states: [(String, questions: Int)]) { script = Mutex(Script(states: states)) }

        var deeds: [String] { script.withLock { $0.deeds } }

        private func did(_ deed: String) { script.withLock { $0.deeds.append(deed) } }

        private func answer() throws -> ServerProgress {
            try script.withLock { script in
                guard let state = script.states.first else { return ServerProgress("mount=mounted\nserver=ready") }
                script.asked += 1
                if script.asked >= state.questions {
                    script.states.removeFirst()
                    script.asked = 0
                }
                if state.0 == "silence" { throw Failure(.sshTimedOut, "no answer") }
                return ServerProgress(state.0)
            }
        }

        /// - Parameter isEndless: whether nobody is let in even when all states are past.
        func wait(patience: Duration = .seconds(3600), isEndless: Bool = false) async throws {
            let hands = ServerWait.Hands(
                connect: { if isEndless || self.script.withLock({ !$0.states.isEmpty }) { throw Failure(.postgresConnectionFailed, "refused") } },
                ask: { try self.answer() }, mount: { self.did("mount") }, start: { self.did("start") })
            var wait = ServerWait(
                name: try #require(ApplianceName("orders")), hands: hands, signs: signs, patience: patience, pause: .milliseconds(2))
            try await StepProgress.$listener.withValue({ message in self.reports.withLock { $0.append(message.text) } }) { try await wait.untilItAnswers() }
        }
    }

    private static let unmounted = "disk=present\nmount=none\nserver=down"
    private static let mounting = "disk=present\nmount=waiting\nserver=waiting"
    private static let down = "disk=present\nmount=mounted\nserver=down\nwords=FATAL: \u{1b}[31mno"
    private static let starting = "disk=present\nmount=mounted\nserver=waiting"

    @Test("What a slow boot has given up is done: first the mount, then the server, each once")
    func givenUp() async throws {
        let guest = GuestInStates([(Self.unmounted, 3), (Self.down, 2), (Self.starting, 4)])
        try await guest.wait()
        #expect(guest.deeds == ["mount", "start"])
        #expect(
            guest.reports.withLock { $0 } == [
                "waiting for PostgreSQL", "waiting for the mount of the data disk", "mounting the data disk", "waiting for the mount of the data disk",
                "waiting for PostgreSQL to start", "starting PostgreSQL", "waiting for PostgreSQL to start",
            ])
    }

    @Test("What is on its way is left alone, however long it takes, and told")
    func onItsWay() async throws {
        let redo = "redo in progress, elapsed time: 20.00 s, current LSN: 0/3A5F1234"
        let guest = GuestInStates([
            ("disk=absent\nmount=waiting\nserver=waiting", 5), (Self.mounting, 5), ("disk=present\nmount=checking\nserver=waiting", 5), ("silence", 3),
            ("disk=present\nmount=mounted\nserver=starting\nprogress=\(redo)", 5), (Self.starting, 2),
        ])
        let before = guest.signs.last
        try await guest.wait()
        #expect(guest.deeds.isEmpty)
        #expect(guest.signs.last > before)
        #expect(
            guest.reports.withLock { $0 } == [
                "waiting for PostgreSQL", "waiting for the data disk", "waiting for the mount of the data disk",
                "waiting for the check of the data disk's file system", "PostgreSQL recovers: \(redo)", "waiting for PostgreSQL to start",
            ])
    }

    @Test("One look is not enough to act: between two jobs there may be none for a moment")
    func moment() async throws {
        let guest = GuestInStates([(Self.unmounted, 1), (Self.mounting, 1), (Self.down, 1), (Self.starting, 2), (Self.down, 1), (Self.starting, 1)])
        try await guest.wait()
        #expect(guest.deeds.isEmpty)
    }

    @Test("A server that does not come up although it was started is a failure with its words, and they cannot speak to the terminal")
    func never() async throws {
        let guest = GuestInStates([(Self.down, 1000)])
        let error = await #expect(throws: Failure.self) { try await guest.wait() }
        #expect(error?.code == .serverNotStarted)
        #expect(error?.message.contains("FATAL: ") == true)
        #expect(error?.message.contains("\u{1b}") == false)
        #expect(guest.deeds == ["start"])
    }

    @Test("A disk that does not come, and a server that lets nobody in, are given up in the end")
    func givenUpInTheEnd() async throws {
        let noDisk = GuestInStates([("disk=absent\nmount=waiting\nserver=waiting", 100_000)])
        #expect(await #expect(throws: Failure.self) { try await noDisk.wait(patience: .milliseconds(30)) }?.code == .guestNoDataDisk)
        let locked = GuestInStates([])
        let error = await #expect(throws: Failure.self) { try await locked.wait(patience: .milliseconds(30), isEndless: true) }
        #expect(error?.code == .postgresConnectionFailed)
    }

    @Test("A mount that the boot waits for in vain is tried in the end, so that the reason is told")
    func damaged() async throws {
        let guest = GuestInStates([(Self.mounting, 200)])
        try await guest.wait(patience: .milliseconds(20))
        #expect(guest.deeds == ["mount"])
    }

    @Test(
        "What the guest says is read, and what it does not say counts as on its way",
        arguments: [
            ("disk=present\nmount=mounted\nserver=ready", .ready), ("disk=present\nmount=mounted\nserver=standby", .ready),
            // Another disk holds the data.
            ("disk=absent\nmount=mounted\nserver=ready", .ready), ("disk=absent\nmount=none\nserver=down", .noDisk),
            ("disk=present\nmount=mounted\nserver=stopping", .starting), ("", .mounting), ("mount=mounted", .starting),
            ("server=ready", .mounting), ("mount=\nserver=", .mounting),
        ] as [(String, ServerProgress.State)])
    func states(text: String, state: ServerProgress.State) {
        #expect(ServerProgress(text).state == state)
    }
}

@Suite("How far a real server's start has come", .serialized)
struct ServerProgressTests {
    /// The guest's script for a cluster of this host's. Its mount and systemd stand for themselves: none of either.
    private func ask(_ cluster: PostgresCluster) async throws -> String {
        let stand = "mountpoint() { return 0; }\nsystemctl() { :; }\n"
        let script = GuestScript.serverProgress.text("\(cluster.majorVersion)", "none")
            .replacing("target=/var/lib/postgresql", with: "target=\(cluster.directory.appending("tree"))")
            .replacing("/var/log/postgresql/", with: "\(cluster.directory)/")
        return try await ProgramRunner.check("sh", ["-s"], input: Array((stand + script).utf8)).outputText
    }

    @Test("Ready, recovering and dead servers are told apart, and the recovery is told as the server tells it")
    func real() async throws {
        try await PostgresCluster.with { cluster in
            let tree = cluster.directory.appending("tree/\(cluster.majorVersion)")
            try Files.createDirectory(tree, mode: [.ownerReadWriteExecute, .groupReadExecute, .otherReadExecute])
            _ = try await ProgramRunner.check("ln", ["-s", cluster.dataDirectory.string, tree.appending("main").string])
            #expect(try await ServerProgress(ask(cluster)).state == .ready)
            try await cluster.stop()
            let stopped = try await ServerProgress(ask(cluster))
            #expect(stopped.state == .down)
            #expect(stopped.words.contains("database system is shut down"))

            // A recovery that goes on until its archive has answered.
            try await cluster.write("", to: cluster.dataDirectory.appending("recovery.signal"))
            try await cluster.write("case $1 in *.history) exit 1 ;; esac\nexec sleep 300\n", to: cluster.directory.appending("restore.sh"))
            let command = "sh \(cluster.directory)/restore.sh %f"
            let options = "-c listen_addresses= -c unix_socket_directories=\(cluster.socketDirectory) -c restore_command='\(command)'"
            try await cluster.check("pg_ctl", ["-D", cluster.dataDirectory.string, "-l", "\(cluster.directory)/server.log", "-o", options, "-W", "start"])
            let clock = ContinuousClock()
            let recovering = try await poll(every: .milliseconds(50), until: clock.now + .seconds(600), on: clock) {
                let progress = try await ServerProgress(ask(cluster))
                return progress.recovery.isEmpty ? nil : progress
            }
            #expect(recovering?.state == .starting)
            #expect(recovering?.recovery.hasPrefix("waiting for 0") == true, "\(recovering?.recovery ?? "")")
            let line = "2026-11-30 10:00:00.000 UTC [7] LOG:  redo in progress, elapsed time: 20.00 s, current LSN: 0/3A5F1234\\n"
            try await cluster.check("sh", ["-c", "printf '\(line)' >>\(cluster.directory)/server.log"])
            #expect(try await ServerProgress(ask(cluster)).text == "PostgreSQL recovers: redo in progress, elapsed time: 20.00 s, current LSN: 0/3A5F1234")

            // Killed, it leaves its file behind.
            let postmaster = try #require(try Files.readText(cluster.dataDirectory.appending("postmaster.pid")).split(separator: "\n").first)
            // The startup process, and the command that it waits for.
            let below = #"for child in $(pgrep -P "$1"); do echo "$child"; pgrep -P "$child" || true; done"#
            let children = try await ProgramRunner.check("sh", ["-c", below, "sh", String(postmaster)]).outputText.split(separator: "\n").map(String.init)
            _ = try await ProgramRunner.check("kill", ["-KILL", String(postmaster)] + children)
            let dead = try await poll(every: .milliseconds(50), until: clock.now + .seconds(600), on: clock) {
                try await ServerProgress(ask(cluster)).state == .down ? true : nil
            }
            #expect(dead == true)
        }
    }
}

/// The guest's own scripts on real disks: an image with a device of its own, in a mount namespace.
@Suite("The data disk of a guest, in its own script", .serialized, .enabled("only root mounts") { HostEnvironment.isRoot })
struct DataDiskScriptTests {
    private static let uuid = "0b5ff1a2-56e4-4b6a-9c5d-2f6f0a2a6d11"

    /// - Parameter table: `/etc/fstab` before.
    /// - Returns: `/etc/fstab` afterwards, and what was said.
    private func run(_ table: String, mounted: Bool = false) async throws -> (table: String, output: String) {
        let directory = try Files.createTemporaryDirectory(in: "/tmp", prefix: "pgkvm-disk")
        defer { try? Files.remove(directory) }
        try Files.write(table, to: directory.appending("fstab"))
        try Files.createDirectory(directory.appending("bin"))
        // No udev and no systemd here; systemd has not been told of the mount.
        try await Files.writeProgram("#!/bin/sh\nexit 0\n".utf8, to: directory.appending("bin/udevadm"))
        try await Files.writeProgram("#!/bin/sh\nexit 3\n".utf8, to: directory.appending("bin/systemctl"))
        let script = """
            set -eu
            cd "$1"
            mount --make-rprivate /
            truncate --size=64M disk
            device=$(losetup --find --show disk)
            trap 'umount /var/lib/postgresql 2>/dev/null || true; losetup --detach "$device"' EXIT
            # A copy of the rest of /etc, which the programs read.
            mkdir copy
            cp -a /etc/. copy
            cp fstab copy/fstab
            mount --bind copy /etc
            mount -t tmpfs none /var/lib
            mkdir -p /var/lib/postgresql /dev/disk
            mount -t tmpfs none /dev/disk
            mkdir -p /dev/disk/by-id /dev/disk/by-uuid
            ln -s "$device" /dev/disk/by-id/virtio-pgdata
            ln -s "$device" "/dev/disk/by-uuid/\(Self.uuid)"
            if [ "$2" = yes ]; then mkfs.ext4 -q -F -U \(Self.uuid) "$device"; mount "$device" /var/lib/postgresql; fi
            PATH=$PWD/bin:$PATH sh -eu prepare.sh >said 2>&1 || echo "status $?" >>said
            cat /etc/fstab
            echo '== said'
            cat said
            findmnt -n -o UUID /var/lib/postgresql || true
            """
        try Files.write(GuestScript.prepareDataDisk.text(Self.uuid, "pgdata", "new"), to: directory.appending("prepare.sh"))
        let result = try await ProgramRunner.run(
            "unshare", ["--mount", "sh", "-c", script, "sh", directory.string, mounted ? "yes" : "no"])
        let parts = result.outputText.split(separator: "== said\n", maxSplits: 1).map(String.init)
        try #require(parts.count == 2, "\(result.outputText)\(result.errorText)")
        return (parts[0], parts[1])
    }

    private static let others = "PARTUUID=b407e2b8 / ext4 defaults 0 1\n/dev/vdc /srv ext4 nofail,x-systemd.device-timeout=60s 0 2\n"
    private static let patience = "x-systemd.device-timeout=infinity,x-systemd.mount-timeout=infinity"

    @Test("A new disk is mounted, and the next boot waits for it as long as it takes", arguments: [others, String(others.dropLast())])
    func new(table: String) async throws {
        let (after, said) = try await run(table)
        #expect(after == Self.others + "UUID=\(Self.uuid) /var/lib/postgresql ext4 noatime,nofail,\(Self.patience) 0 2\n", "\(said)")
        #expect(said.hasSuffix("\(Self.uuid)\n"), "\(said)")
    }

    @Test("A line of a former version is brought to the new form, with what else is in it, mounted or not", arguments: [true, false])
    func old(mounted: Bool) async throws {
        let own = "UUID=\(Self.uuid) /var/lib/postgresql ext4 noatime,nofail,x-systemd.device-timeout=60s,commit=3 0 2\n"
        let (after, said) = try await run(own + Self.others, mounted: mounted)
        #expect(after == own.replacing("x-systemd.device-timeout=60s", with: Self.patience) + Self.others, "\(said)")
        #expect(said.hasSuffix("\(Self.uuid)\n"), "\(said)")
    }

    @Test(
        "A line that is as it should be, or that its administrator changed, stays as it is",
        arguments: ["noatime,nofail,\(patience)", "noatime", "noatime,nofail,x-systemd.device-timeout=90s"])
    func kept(options: String) async throws {
        let table = Self.others + "UUID=\(Self.uuid) /var/lib/postgresql ext4 \(options) 0 2\n"
        #expect(try await run(table, mounted: true).table == table)
    }
}
