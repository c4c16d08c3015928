# Ends the postmaster once with SIGKILL and brings the server back, for verification. Run as root with: $1 major version,
# $2 options of each session.
# Prints `key=value` lines: the process that was killed, the one that runs now, how often the unit was started, how long it took.
# One function, which the shell has read to its end before it begins, and deaf to a connection that breaks: once the postmaster is
# dead, nothing but this brings it back (Debian's unit does not restart).
set -eu
milliseconds() { echo $(($(date +%s%N) / 1000000)); }
answers() { runuser -u postgres -- psql -XAtqc 'select 1' postgres >/dev/null 2>&1; }
crash() {
    trap '' HUP INT TERM PIPE
    export PGOPTIONS="$2"
    unit=postgresql@$1-main.service
    old=$(systemctl show --value --property=MainPID "$unit")
    [ "$(readlink "/proc/$old/exe")" = "/usr/lib/postgresql/$1/bin/postgres" ] || {
        echo "'$unit' has no postmaster that could be ended" >&2
        exit 3
    }
    begin=$(milliseconds)
    kill -9 "$old"
    starts=0
    deadline=$((begin + 300000))
    # A start is refused as long as children of the old server live, and Debian's unit ignores a failed start.
    until new=$(systemctl show --value --property=MainPID "$unit") && [ "$new" != 0 ] && [ "$new" != "$old" ] && answers; do
        if [ "$(milliseconds)" -gt "$deadline" ]; then
            echo "PostgreSQL did not come back" >&2
            tail -n 15 /var/log/postgresql/*.log >&2 2>/dev/null || true
            exit 4
        fi
        case $(systemctl show --value --property=ActiveState "$unit") in
        failed | inactive)
            systemctl reset-failed "$unit" 2>/dev/null || true
            starts=$((starts + 1))
            systemctl start "$unit" || true
            ;;
        esac
        sleep 0.2
    done
    echo "milliseconds=$(($(milliseconds) - begin))"
    echo "killed=$old"
    echo "running=$new"
    echo "starts=$starts"
}
crash "$@"
