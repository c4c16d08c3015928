# Starts or reloads the cluster so that the files in place are in force. Run as root with: $1 major version,
# $2 "restart" or "reload". Debian's unit ignores a failed start, so the server itself is asked. Without arguments it only defines
# `start_server`, for a script that goes on.
set -eu
start_server() {
    version=$1
    action=$2
    unit=postgresql@$version-main.service
    pidfile=/var/lib/postgresql/$version/main/postmaster.pid
    pages=/etc/systemd/system/$unit.d/pgkvm.conf
    # Each of systemd's reloads, which `enable` brings along, costs an emulated guest seconds.
    systemctl is-enabled --quiet postgresql.service || systemctl enable --quiet postgresql.service
    # The unit by which all clusters are stopped and restarted; it does nothing itself.
    systemctl is-active --quiet postgresql.service || systemctl start postgresql.service
    # How long each log is now: what this start says comes after it.
    lengths=$(wc -c /var/log/postgresql/*.log 2>/dev/null) || true
    # The file tells servers apart by process and time of start: one that was left behind is not the server to come.
    before=$(cat "$pidfile" 2>/dev/null) || true
    if is_running && [ "$action" = reload ]; then
        before=
        pg_ctlcluster "$version" main reload
    else
        systemctl reset-failed "$unit" 2>/dev/null || true
        # By it the unit reserves huge pages.
        if grep -q ' on$' "$pages" 2>/dev/null && [ "$(systemctl show --value --property=NeedDaemonReload "$unit")" = yes ]; then systemctl daemon-reload; fi
        # pg_ctlcluster goes on looking for a while at a server that is ready; the server's own word, below, comes seconds earlier.
        systemctl restart --no-block "$unit"
    fi
    deadline=$(($(date +%s) + 300))
    until is_ready; do
        if [ "$(date +%s)" -ge "$deadline" ] || ! is_on_its_way; then
            echo "PostgreSQL did not come up" >&2
            reason >&2
            return 4
        fi
        sleep 0.1
    done
}
is_running() { systemctl is-active --quiet "$unit" && pg_ctlcluster "$version" main status >/dev/null 2>&1; }
is_ready() {
    now=$(cat "$pidfile" 2>/dev/null) || return 1
    [ "$now" != "$before" ] || return 1
    case ${now##*
} in ready*) ;; *) return 1 ;; esac
}
is_on_its_way() { [ -n "$(systemctl show --value --property=Job "$unit")" ] || pg_ctlcluster "$version" main status >/dev/null 2>&1; }
# What the logs say since the start began: first what is wrong, and where nothing says so, the end. The server begins with one log and goes
# on with another.
reason() {
    for log in /var/log/postgresql/*.log; do
        [ -f "$log" ] || continue
        length=$(printf '%s\n' "$lengths" | awk -v name="$log" '$2 == name { print $1 }')
        tail -c "+$((${length:-0} + 1))" "$log" | head -c 65536
    done >/run/pgkvm-start-log
    grep -E -A 2 '(FATAL|PANIC|ERROR):|invalid value for parameter|unrecognized configuration parameter|syntax error|could not' /run/pgkvm-start-log |
        head -n 8 || true
    grep -qE '(FATAL|PANIC|ERROR):' /run/pgkvm-start-log || tail -n 15 /run/pgkvm-start-log
    rm -f /run/pgkvm-start-log
}
[ $# -lt 2 ] || start_server "$1" "$2"
