import Foundation
import HostSystem
import SystemPackage
import TestSupport
import Testing

/// What a real systemd makes of the units: one that runs for a user, in namespaces and a control group of its own. The program takes it for the
/// system's, since `systemctl` and `systemd-run` lead to it.
@Suite("With a real systemd", .timeLimit(.minutes(40)))
struct RealSystemdTests {
    private static let manager = #"""
        mount -t tmpfs tmpfs /run
        mkdir -p /run/systemd/system /run/user/0/systemd "$STAGE/bin" "$STAGE/units"
        # Lazily: other hierarchies may be mounted below.
        ! mountpoint -q /sys/fs/cgroup || umount -l /sys/fs/cgroup
        mount -t cgroup2 cgroup2 /sys/fs/cgroup
        group=/sys/fs/cgroup/pgkvm-test-$(tr -d - </proc/sys/kernel/random/uuid)
        mkdir -p "$group/inner"
        echo $$ >"$group/inner/cgroup.procs"
        # Its units lie where the program writes those of the system's.
        mkdir -p /etc/systemd/system
        mount --bind "$STAGE/units" /etc/systemd/system
        mount --bind "$STAGE/units" /etc/systemd/user
        for program in systemctl systemd-run; do
            printf '#!/bin/sh\nexec %s --user "$@"\n' "$(command -v $program)" >"$STAGE/bin/$program"
            chmod +x "$STAGE/bin/$program"
        done
        export PATH="$STAGE/bin:$PATH" XDG_RUNTIME_DIR=/run/user/0
        /usr/lib/systemd/systemd --user --unit=basic.target >"$STAGE/log" 2>&1 &
        manager=$!
        until [ -S /run/user/0/systemd/private ]; do kill -0 $manager; sleep 0.1; done
        systemctl set-environment PATH="$PATH" XDG_RUNTIME_DIR=/run/user/0
        end() {
            kill -TERM $manager
            wait $manager || true
            echo $$ >/sys/fs/cgroup/cgroup.procs
            find "$group" -depth -type d -exec rmdir {} +
        }
        trap end EXIT
        heading() { echo "## $1"; }
        # Until a command succeeds; one that never will is a failure of the test, not its end by the suite's limit.
        await() {
            for attempt in $(seq 600); do
                if "$@"; then return; fi
                sleep 0.25
            done
            echo "never: $*" >&2
            exit 1
        }
        is() { [ "$(systemctl is-active "$1")" = "$2" ]; }

        """#

    private static func run(_ script: String, in home: PGKVMHome) async throws -> ProgramResult {
        let stage = home.path.appending(".stage")
        try Files.createDirectory(stage)
        return try await ProgramRunner.run(
            "unshare",
            ["--mount", "--propagation", "private", "--pid", "--fork", "--kill-child", "--mount-proc", "bash", "-euc", manager + script],
            environment: home.environment.merging(["PGKVM_HOME": home.path.string, "STAGE": stage.string, "PGKVM": PGKVMHome.program.string]) { own, _ in own })
    }

    private static func isPossible() async throws -> Bool {
        guard HostEnvironment.isRoot, Files.isExecutable("/usr/lib/systemd/systemd"), ProgramRunner.lookUp("systemd-run") != nil else { return false }
        return try await PGKVMHome.with { home in try await run("await is basic.target active", in: home).status == 0 }
    }

    @Test(
        "A machine stops and goes without a trace of a failure, starts while the one before it is ending, and a start that fails is tried again until it is stopped",
        .enabled("root, a systemd and a cgroup2 that can be mounted are here") { try await isPossible() })
    func life() async throws {
        try await PGKVMHome.with { home in
            let home = home.withOwnCache
            _ = try await BlankDisk.importImage(into: home, name: "blank")
            let result = try await Self.run(
                #"""
                pgkvm() { "$PGKVM" "$@"; }
                unit=pgkvm-orders.service boot=pgkvm@orders.service
                disk=$PGKVM_HOME/orders/machines/0/system.qcow2
                says() { pgkvm status orders | grep -q "$1"; }
                failures() { systemctl list-units --failed --no-legend --plain; }
                ! pgkvm deploy orders --image blank --data-disk 1GiB --memory 512MiB --boot-patience 3 2>/dev/null
                heading unit; systemctl show $unit --property=ActiveState,After,RequiresMountsFor,KillMode,TimeoutStopUSec
                pgkvm autostart orders on >/dev/null
                # As on a host that was booted: what wants the unit that starts the machine keeps it loaded.
                printf '[Unit]\nDescription=Many Users\n' >/etc/systemd/system/multi-user.target
                systemctl daemon-reload
                systemctl start multi-user.target
                await is $boot inactive
                for round in 1 2 3; do
                    pgkvm stop orders --force
                    pgkvm start orders
                    systemctl is-active $unit >/dev/null
                done
                heading failures; failures

                # A guest that nobody asked: its QEMU is killed, and systemd notices.
                kill -KILL "$(cut -d' ' -f1 "$PGKVM_HOME/orders/records/0/qemu.pid")"
                await is $unit inactive
                heading killed; failures

                # A guest that is paused cannot shut down: systemd ends its QEMU all the same, and does not wait five minutes.
                pgkvm start orders
                qemu=$(cut -d' ' -f1 "$PGKVM_HOME/orders/records/0/qemu.pid")
                printf '{"execute":"qmp_capabilities"}{"execute":"stop"}' | socat -t 5 - "UNIX-CONNECT:$PGKVM_HOME/orders/machines/0/qmp.sock" >/dev/null
                await says '^state: *paused'
                systemctl stop $unit
                heading paused; kill -0 "$qemu" 2>/dev/null && echo "QEMU goes on"; pgkvm status orders | grep '^state'; failures

                # At boot something is not as it should be, and a little later it is.
                mv "$disk" "$STAGE/disk"
                systemctl start $boot
                heading trying
                await says '^host start: *failed, and is tried again'; pgkvm status orders | grep '^host start'
                mv "$STAGE/disk" "$disk"
                await says '^state: *running'
                await is $boot inactive
                heading started; pgkvm status orders | grep '^host start' || echo nothing
                systemctl show $boot --property=Result

                # Nobody wants it any more.
                pgkvm stop orders --force
                await is $unit inactive
                mv "$disk" "$STAGE/disk"
                systemctl start $boot
                await is $boot activating
                pgkvm stop orders
                heading stopped; systemctl is-active $boot || true
                mv "$STAGE/disk" "$disk"
                systemctl start $boot
                await is $boot inactive
                pgkvm delete orders --confirm orders
                await is $unit inactive
                heading deleted; systemctl list-units --all --no-legend --plain 'pgkvm*.service'; failures
                """#, in: home)
            #expect(result.status == 0, "\(result.outputText)\(result.errorText)")
            var printed: [String: String] = [:]
            var heading = ""
            for line in result.outputText.split(separator: "\n", omittingEmptySubsequences: false) {
                if line.hasPrefix("## ") { heading = String(line.dropFirst(3)) } else { printed[heading, default: ""] += line + "\n" }
            }
            let unit = printed["unit"] ?? ""
            for part in ["ActiveState=active\n", "KillMode=control-group\n", "TimeoutStopUSec=5min 30s\n", "network.target", "\(home.path)/orders/machines/0"] {
                #expect(unit.contains(part), "'\(part)' is not in:\n\(unit)")
            }
            for part in ["failures", "killed", "deleted"] { #expect((printed[part] ?? "").filter { !$0.isNewline } == "", "\(part)") }
            #expect(printed["paused"] == "state:       off\n")
            #expect(printed["trying"]?.contains("journalctl -u pgkvm-orders.service") == true, "\(printed["trying"] ?? "")")
            #expect(printed["started"]?.hasPrefix("nothing\n") == true)
            #expect(printed["started"]?.contains("Result=success\n") == true)
            #expect(printed["stopped"] == "inactive\n")
        }
    }
}
