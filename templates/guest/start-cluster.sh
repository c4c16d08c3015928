# Starts or reloads the cluster so that the files in place are in force. Run as root with: $1 major version,
# $2 "restart" or "reload". Debian's unit ignores a failed start, so the caller asks the server itself afterwards.
set -eu
version=$1
action=$2
unit=postgresql@$version-main.service
pidfile=/var/lib/postgresql/$version/main/postmaster.pid
# Each of systemd's reloads, which `enable` brings along, costs an emulated guest seconds.
systemctl is-enabled --quiet postgresql.service || systemctl enable --quiet postgresql.service
# The unit by which all clusters are stopped and restarted; it does nothing itself.
systemctl is-active --quiet postgresql.service || systemctl start postgresql.service
# The file tells servers apart by process and time of start: one that was left behind is not the server to come.
before=$(cat "$pidfile" 2>/dev/null) || true
if systemctl is-active --quiet "$unit" && [ "$action" = reload ]; then
    before=
    pg_ctlcluster "$version" main reload
else
    # pg_ctlcluster goes on looking for a while at a server that is ready; the server's own word, below, comes seconds earlier.
    systemctl restart --no-block "$unit"
fi
is_ready() {
    now=$(cat "$pidfile" 2>/dev/null) || return 1
    [ "$now" != "$before" ] || return 1
    case ${now##*
} in ready*) ;; *) return 1 ;; esac
}
is_on_its_way() { [ -n "$(systemctl show --value --property=Job "$unit")" ] || pg_ctlcluster "$version" main status >/dev/null 2>&1; }
deadline=$(($(date +%s) + 300))
until is_ready; do
    if [ "$(date +%s)" -ge "$deadline" ] || ! is_on_its_way; then
        echo "PostgreSQL did not come up" >&2
        tail -n 15 /var/log/postgresql/*.log >&2 2>/dev/null || true
        exit 4
    fi
    sleep 0.1
done
