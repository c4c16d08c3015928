import Foundation
import HostSystem
import SystemPackage
import TestSupport
import Testing

/// What the program asks of systemd, on a host that seems to run it: a mount namespace of its own, in which `systemctl` and
/// `systemd-run` write down what they are asked, and do as much of it as can be seen.
///
/// As systemd does, they run the stop command of a unit also when its process has ended by itself, open the unit's output and directory again for
/// it, call the unit `deactivating` meanwhile, and take no second unit of that name.
@Suite("On a host with systemd", .timeLimit(.minutes(40)))
struct SystemdSequenceTests {
    private static let systemctl = """
        #!/bin/sh
        [ "$1" != --user ] || shift
        echo "systemctl $*" >>"$STAGE/log"
        case $1 in
            is-active) cat "$STAGE/state" 2>/dev/null || { echo inactive; exit 3; } ;;
            enable) mkdir -p /etc/systemd/system/multi-user.target.wants; ln -sf "../$2" "/etc/systemd/system/multi-user.target.wants/$2" ;;
            disable) rm -f "/etc/systemd/system/multi-user.target.wants/$2" ;;
            show)
                case $* in
                    *MainPID*) cat "$STAGE/pid" 2>/dev/null || echo 0 ;;
                    *ActiveState*) cat "$STAGE/boot-unit" 2>/dev/null || printf 'ActiveState=inactive\nStatusText=\n' ;;
                esac ;;
            stop)
                case $2 in
                    # The start that is under way is told to end.
                    pgkvm@*) rm -f "$STAGE/boot-unit" ;;
                    *) [ ! -e "$STAGE/pid" ] || sh "$STAGE/stop" ;;
                esac ;;
            reset-failed) [ -e "$STAGE/boot-unit" ] || exit 1; rm "$STAGE/boot-unit" ;;
            set-property)
                group=/sys/fs/cgroup$(sed -n 's/^0:://p' "/proc/$(cut -d" " -f1 "$PGKVM_HOME/orders/records/0/qemu.pid")/cgroup")
                mkdir -p "$group"
                for property in "$@"; do
                    case $property in
                        CPUWeight=*) echo "${property#*=}" >"$group/cpu.weight" ;;
                        MemoryMax=*) echo "${property#*=}" >"$group/memory.max" ;;
                    esac
                done ;;
        esac
        """

    private static let systemdRun = """
        #!/bin/sh
        {
            echo systemd-run
            printf '  %s\\n' "$@"
        } >>"$STAGE/log"
        if [ -e "$STAGE/state" ]; then
            echo "Failed to start transient service unit: Unit pgkvm-orders.service was already loaded or has a fragment file." >&2
            exit 1
        fi
        directory=/ output=/dev/null stop=:
        while [ "$1" != -- ]; do
            case $1 in
                --property=WorkingDirectory=*) directory=${1#--property=WorkingDirectory=} ;;
                --property=StandardOutput=truncate:*) output=${1#--property=StandardOutput=truncate:} ;;
                --property=ExecStop=*) stop=${1#--property=ExecStop=} ;;
            esac
            shift
        done
        shift
        echo active >"$STAGE/state"
        cat >"$STAGE/stop" <<END
        echo deactivating >"$STAGE/state"
        # One at a time, whoever begins.
        flock "$STAGE/stopping" sh -c '
            [ -e "$STAGE/state" ] || exit 0
            status=209
            (cd "$directory" && : >"$output") 2>/dev/null && { (cd "$directory" && $stop) >>"$output" 2>&1; status=\\$?; }
            echo "stop command ended with \\$status" >>"$STAGE/log"
            rm -f "$STAGE/pid" "$STAGE/state"
        '
        END
        umask 077
        (
            cd "$directory"
            setsid "$@" >"$output" 2>&1 </dev/null &
            echo $! >"$STAGE/pid.new"
            mv "$STAGE/pid.new" "$STAGE/pid"
            wait $!
            sh "$STAGE/stop"
        ) </dev/null >/dev/null 2>&1 &
        while [ ! -e "$STAGE/pid" ] && [ -e "$STAGE/state" ]; do sleep 0.01; done
        """

    /// - Parameter body: is given what the script printed, by the headings that it printed, and what was asked of systemd.
    private func run(_ script: String, in home: PGKVMHome) async throws -> (printed: [String: String], log: String) {
        let stage = home.path.appending(".stage")
        try Files.createDirectory(stage.appending("bin"))
        try Files.createDirectory(stage.appending("units"))
        try await Files.writeProgram(Self.systemctl.utf8, to: stage.appending("bin/systemctl"))
        try await Files.writeProgram(Self.systemdRun.utf8, to: stage.appending("bin/systemd-run"))
        let whole = """
            mount -t tmpfs tmpfs /run
            mkdir -p /run/systemd/system /etc/systemd/system
            mount --bind "$STAGE/units" /etc/systemd/system
            mount -t tmpfs tmpfs /sys/fs/cgroup
            echo cpu memory >/sys/fs/cgroup/cgroup.controllers
            export PATH="$STAGE/bin:$PATH"
            pgkvm() { "\(PGKVMHome.program)" "$@"; }
            heading() { echo "## $1"; }
            \(script)
            """
        let result = try await ProgramRunner.run(
            "unshare", ["--mount", "--propagation", "private", "sh", "-euc", whole],
            environment: home.environment.merging(["PGKVM_HOME": home.path.string, "STAGE": stage.string]) { own, _ in own })
        #expect(result.status == 0, "\(result.outputText)\(result.errorText)")
        var printed: [String: String] = [:]
        var heading = ""
        for line in result.outputText.split(separator: "\n", omittingEmptySubsequences: false) {
            if line.hasPrefix("## ") { heading = String(line.dropFirst(3)) } else { printed[heading, default: ""] += line + "\n" }
        }
        return (printed, (try? Files.readText(stage.appending("log"))) ?? "")
    }

    @Test(
        "A machine is a unit of the slice, starts with the host when asked to, gets its priority by properties at every start, and leaves no unit",
        .enabled("root makes mount namespaces here") {
            guard HostEnvironment.isRoot else { return false }
            return try await ProgramRunner.run("unshare", ["--mount", "--propagation", "private", "mount", "-t", "tmpfs", "tmpfs", "/run"]).status == 0
        })
    func sequence() async throws {
        try await PGKVMHome.with { home in
            let home = home.withOwnCache
            _ = try await BlankDisk.importImage(into: home, name: "blank")
            let unit = "/etc/systemd/system/pgkvm@orders.service"
            let (printed, log) = try await run(
                """
                pgkvm deploy orders --image blank --data-disk 1GiB --memory 512MiB --boot-patience 3 2>/dev/null && exit 9
                heading before; pgkvm autostart orders
                heading on; pgkvm autostart orders on
                heading unit; cat \(unit); readlink /etc/systemd/system/multi-user.target.wants/pgkvm@orders.service
                heading priority; pgkvm priority orders --nice 3 --cpu-weight 200 --memory-max 4GiB
                pgkvm stop orders --force
                rm -f /sys/fs/cgroup/cpu.weight /sys/fs/cgroup/memory.max
                # As the unit does it: with its variable, and no HOME.
                env -i PATH="$PATH" STAGE="$STAGE" PGKVM_HOME="$PGKVM_HOME" "\(PGKVMHome.program)" start orders
                heading started; pgkvm priority orders --format json
                heading quiet; pgkvm status orders | grep '^host start' || echo nothing
                for state in active activating failed; do
                    printf 'ActiveState=%s\\nStatusText=waiting for /dev/kvm\\n' $state >"$STAGE/boot-unit"
                    heading $state; pgkvm status orders | grep '^host start'
                done
                heading json; pgkvm status orders --format json | grep -o '"hostStart" *: *"[^"]*"'
                pgkvm stop orders --force
                heading cancelled; ls "$STAGE/boot-unit" 2>&1 || true
                # At once, while systemd still runs the stop command of the one before.
                pgkvm start orders
                heading small; pgkvm priority orders --memory-max 1GiB 2>&1 || true
                heading off; pgkvm autostart orders off; ls -A /etc/systemd/system/multi-user.target.wants
                pgkvm autostart orders on >/dev/null
                # Another state directory's unit of the same name is not touched.
                sed -i 's|PGKVM_HOME=.*"|PGKVM_HOME=/elsewhere"|' \(unit)
                heading taken; pgkvm autostart orders; pgkvm autostart orders on 2>&1 || true
                pgkvm delete orders --confirm orders
                heading kept; ls /etc/systemd/system
                while [ -e "$STAGE/state" ]; do sleep 0.05; done
                """, in: home)
            #expect(printed["before"] == "off: 'orders' does not start with this host\n")
            #expect(printed["on"] == "on: 'orders' starts with this host (pgkvm@orders.service)\n")
            let text = try #require(printed["unit"])
            #expect(text.contains("Environment=\"PGKVM_HOME=\(home.path)\"\n"))
            #expect(text.contains("/pgkvm\" start orders\n"))
            #expect(text.hasSuffix("../pgkvm@orders.service\n"))

            let priority = try #require(printed["priority"])
            for part in ["nice:         3 on every thread", "cpu weight:   200", "memory max:   4GiB", "remembered:   nice 3, cpu weight 200, at most 4GiB"] {
                #expect(priority.contains(part), "'\(part)' is not in:\n\(priority)")
            }
            struct Summary: Decodable { let niceLowest: Int, niceHighest: Int, cpuWeight: Int, memoryMaxBytes: Int64, manager: String, missing: [String] }
            let started = try JSONDecoder().decode(Summary.self, from: Data(try #require(printed["started"]).utf8))
            #expect((started.niceLowest, started.niceHighest, started.cpuWeight, started.memoryMaxBytes) == (3, 3, 200, 4 << 30))
            #expect(started.manager == "systemd" && started.missing.isEmpty)
            #expect(printed["quiet"] == "nothing\n")
            #expect(printed["active"] == "host start:  under way: waiting for /dev/kvm\n")
            #expect(printed["activating"] == "host start:  failed, and is tried again: waiting for /dev/kvm\n")
            let failed = "failed, and is not tried again: waiting for /dev/kvm; try: journalctl -u pgkvm@orders.service"
            #expect(printed["failed"] == "host start:  \(failed)\n")
            #expect(printed["json"]?.replacing(" ", with: "") == #""hostStart":"\#(failed)""#.replacing(" ", with: "") + "\n")
            #expect(printed["cancelled"]?.contains("No such file") == true, "the start that was under way was not ended")
            #expect(printed["small"]?.contains("error[priority.memory-too-small]") == true)
            #expect(printed["off"] == "off: 'orders' does not start with this host\n")
            #expect(printed["taken"]?.hasPrefix("off: ") == true && printed["taken"]?.contains("error[autostart.taken]") == true)
            #expect(printed["kept"]?.contains("pgkvm@orders.service") == true)

            let stops = log.split(separator: "\n").filter { $0.hasPrefix("stop command ended with") }
            #expect(stops.count == 3)
            #expect(stops.allSatisfy { $0 == "stop command ended with 0" }, "\(stops)")
            expectAsked(log)
        }
    }

    /// In this order, whatever was asked between.
    private func expectAsked(_ log: String) {
        let wanted = [
            "--unit=pgkvm-orders.service", "--slice=pgkvm.slice", "--property=ExecStop=", " end-machine orders --machine ",
            "systemctl daemon-reload", "systemctl enable pgkvm@orders.service",
            "systemctl set-property --runtime pgkvm-orders.service CPUWeight=200 MemoryMax=4294967296", "--unit=pgkvm-orders.service",
            "systemctl set-property --runtime pgkvm-orders.service CPUWeight=200 MemoryMax=4294967296", "systemctl stop pgkvm@orders.service",
            "systemctl stop pgkvm@orders.service", "systemctl disable pgkvm@orders.service", "systemctl daemon-reload",
            "systemctl reset-failed pgkvm@orders.service", "systemctl enable pgkvm@orders.service",
            "systemctl revert pgkvm-orders.service",
        ]
        var rest = log[...]
        for part in wanted {
            guard let found = rest.range(of: part) else {
                Issue.record("'\(part)' was not asked, or not in its place:\n\(log)")
                return
            }
            rest = rest[found.upperBound...]
        }
        #expect(!rest.contains("disable"), "another state directory's unit was taken away")
    }
}
