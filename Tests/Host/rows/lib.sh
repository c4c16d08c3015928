# Sourced by the rows, which run inside the emulated host. An appliance here is a machine from a stand-in disk: its guest greets on the
# console and switches off at the power button; it has no SSH, so 'deploy' and 'start' are ended once QEMU runs.
# shellcheck shell=bash
set -euo pipefail
shopt -s inherit_errexit
PATH=/stage/bin:/usr/sbin:/sbin:$PATH
cd "$HOME"
# Which accelerator the machines of this run get.
. /stage/settings.sh

die() {
    printf 'row failed: %s\n' "$1" >&2
    shift
    [ "$#" -eq 0 ] || printf '%s\n' "$@" >&2
    exit 1
}
note() { printf '%s\n' "$*"; }

# until_true SECONDS COMMAND...: polls; 1 when the time is over.
until_true() {
    local end=$((SECONDS + $1))
    shift
    until "$@"; do
        [ "$SECONDS" -lt "$end" ] || return 1
        sleep 0.5
    done
}

if [ "$(id -u)" -eq 0 ]; then
    manager=(systemctl) journal=(journalctl) state=/var/lib/pgkvm
else
    manager=(systemctl --user) journal=(journalctl --user) state=$HOME/.local/state/pgkvm
fi

# property NAME PROPERTY: of the unit that QEMU of the appliance runs in.
property() { "${manager[@]}" show --property="$2" --value "pgkvm-$1.service"; }
is_running() { [ "$(property "$1" SubState)" = running ]; }
is_gone() { [ "$(property "$1" ActiveState)" = inactive ]; }
# process_of NAME PROGRAM: its number, looked for in the unit's control group by the whole path: QEMU itself, not its keeper.
process_of() {
    local pid
    for pid in $(cat "/sys/fs/cgroup$(property "$1" ControlGroup)/cgroup.procs"); do
        case $(tr '\0' ' ' <"/proc/$pid/cmdline") in "$2"*) printf '%s' "$pid" && return ;; esac
    done
    die "no process $2 is in the unit's group"
}
qemu_of() { process_of "$1" /usr/bin/qemu-system-x86_64; }

import_guest() {
    pgkvm image list 2>/dev/null | grep -q standin ||
        pgkvm image import /stage/guest.raw --name standin --checksum "sha256:$(sha256sum /stage/guest.raw | cut -d' ' -f1)" --quiet
}

# spec NAME [LINE...]: a spec file with further lines.
spec() {
    local name=$1
    shift
    cat >"$name.yaml" <<END
formatVersion: 1
name: $name
machine: { accelerator: $accelerator, vcpus: 2, memory: 512MiB, image: standin, systemDisk: { size: 4GiB, layout: overlay } ${backend:-} }
data: { size: 1GiB }
END
    [ "$#" -eq 0 ] || printf '%s\n' "$@" >>"$name.yaml"
}

# How often the guest of NAME has greeted since its log was begun.
greetings() { cat "$state/$1/records/0/serial.log" 2>/dev/null | grep -c 'stand-in guest: up' || true; }
has_greeted_again() { [ "$(greetings "$1")" -gt "$2" ]; }

# attempt WORD... NAME: runs 'pgkvm WORD...' until the guest of NAME has greeted, and ends it then. 1 where it ended before; what it
# said is in NAME.log.
attempt() {
    local name=${*: -1} pid former
    former=$(greetings "$name")
    pgkvm "${@:1:$#-1}" --progress plain >"$name.log" 2>&1 </dev/null &
    pid=$!
    for _ in $(seq 400); do
        # 'start' of a machine that was never deployed to its end waits for no PostgreSQL, and may be done before the guest has greeted.
        if ! kill -0 "$pid" 2>/dev/null && { ! wait "$pid" || ! until_true 120 has_greeted_again "$name" "$former"; }; then return 1; fi
        if has_greeted_again "$name" "$former"; then
            kill -INT "$pid" 2>/dev/null || true
            wait "$pid" || true
            return 0
        fi
        sleep 1
    done
    kill -INT "$pid" 2>/dev/null || true
    wait "$pid" || true
    die "the guest of $name did not start within 400 s:" "$(cat "$name.log")" "$(pgkvm logs "$name" --serial)"
}
begin() { attempt "$@" || die "pgkvm ${*:1:$#-1} failed:" "$(cat "${*: -1}.log")"; }

deploy() { import_guest; begin deploy "$1.yaml" "$1"; }
start() { begin start "$1" "$1"; }

# running NAME: the machine of NAME runs, whatever an earlier row has left of it.
running() {
    if is_running "$1"; then return; fi
    if pgkvm list | grep -q "^$1 "; then start "$1"; else spec "$1" && deploy "$1"; fi
}

# removed_at_end NAME...: however the row ends, the next one finds nothing of these.
removed_at_end() {
    # shellcheck disable=SC2064  # the names of now
    trap "for name in $*; do remove_anyhow \$name; done" EXIT
}
remove_anyhow() {
    pgkvm list 2>/dev/null | grep -q "^$1 " || return 0
    pgkvm stop --force "$1" >/dev/null 2>&1 || true
    until_true 60 pgkvm delete "$1" --confirm "$1" --quiet >/dev/null 2>&1 || note "'$1' could not be removed"
}

# ended_well NAME SINCE: since that moment systemd has not called the unit failed. It is asked of the journal, since a unit that is
# collected is not listed as failed.
ended_well() {
    local said
    until_true 60 is_gone "$1" || die "the unit of $1 still is $(property "$1" ActiveState)"
    said=$("${journal[@]}" --no-pager --since "$2" --unit "pgkvm-$1.service" | grep -E 'Failed with result|Failed to set up|(Control|Main) process exited' || true)
    [ -z "$said" ] || die "systemd calls the unit of $1 failed:" "$said"
}
now() { date '+%F %T'; }

# by_login USER SCRIPT: in a login session of its own, which ends.
by_login() { systemd-run --quiet --pipe --wait --collect --property=PAMName=login --property=User="$1" --setenv=HOME="$(getent passwd "$1" | cut -d: -f6)" bash -c "cd; . /stage/rows/lib.sh; $2"; }
