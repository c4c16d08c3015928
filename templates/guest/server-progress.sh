# Prints how far the start of PostgreSQL has come, `key=value` a line. Run as root with: $1 major version, $2 virtio serial of the data disk.
# Changes nothing.
version=$1
device=/dev/disk/by-id/virtio-$2
target=/var/lib/postgresql
unit=postgresql@$version-main.service
pidfile=$target/$version/main/postmaster.pid
has_job() { [ -n "$(systemctl show --value --property=Job "$1")" ]; }

[ -b "$device" ] && echo disk=present || echo disk=absent

if mountpoint -q "$target"; then
    echo mount=mounted
elif [ -n "$(systemctl list-units --no-legend --plain --state=activating 'systemd-fsck@*.service')" ]; then
    echo mount=checking
elif has_job "$(systemd-escape --path --suffix=mount "$target")"; then
    echo mount=waiting
else
    echo mount=none
fi

# A server that was cut off leaves the file behind, and its number may be another process's since.
postmaster=$(head -n 1 "$pidfile" 2>/dev/null)
case $(readlink "/proc/${postmaster:-none}/exe") in
"/usr/lib/postgresql/$version/bin/postgres"*)
    state=$(sed -n '8s/ *$//p' "$pidfile")
    echo "server=${state:-starting}"
    ;;
*)
    postmaster=
    has_job "$unit" && echo server=waiting || echo server=down
    ;;
esac

log=$(ls -1t /var/log/postgresql/*.log 2>/dev/null | head -n 1)
if [ "${state:-}" = starting ]; then
    # The server says every ten seconds how far it is. Where it says so in another language, the title of its process has the segment at least.
    progress=$(tail -c 65536 "${log:-/dev/null}" | sed -n '/starting PostgreSQL/{
        s/.*//
        h
    }
    /redo in progress\|syncing data directory\|resetting unlogged relations/{
        s/.*LOG: *//
        h
    }
    ${
        g
        p
    }')
    for process in /proc/[0-9]*; do
        [ -z "$progress" ] || break
        grep -q "^PPid:[[:space:]]*$postmaster\$" "$process/status" 2>/dev/null || continue
        progress=$(tr '\0' ' ' <"$process/cmdline" | sed -n 's/^postgres: .*startup *\([a-z].*[^ ]\) *$/\1/p')
    done
    echo "progress=$progress"
fi
if [ -z "$postmaster" ]; then echo "words=$(tail -n 3 "${log:-/dev/null}" | tr '\n' ' ')"; fi
